/* What the shared library shows to programs: everything that is marked here, and nothing else. */
#ifndef MIEN_EXPORT_H
#define MIEN_EXPORT_H

#if defined(__GNUC__)
#define MIEN_API __attribute__((visibility("default")))
#else
#define MIEN_API
#endif

#endif
