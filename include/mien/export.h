/* MIEN_API marks what the shared library shows to programs; it shows nothing else. */
#ifndef MIEN_EXPORT_H
#define MIEN_EXPORT_H

#if defined(__GNUC__)
#define MIEN_API __attribute__((visibility("default")))
#else
#define MIEN_API
#endif

#endif
