/* What the images have in the place of two libraries, which take 47 MB and of which mien calls nothing: libheif was built
   with an encoder of HEIC (libx265), and libarchive reads XML by way of ICU, whose data (libicudata) it does not need
   for zip. Each is asked for one symbol, so the loader is content, and whoever calls hears that there is nothing. */

/* No encoder for any depth: libheif turns that into an error. */
const void* x265_api_get_199(int depth) {
  (void)depth;
  return 0;
}

/* ICU's own form of no data: a table of contents with no entry, as its build makes it for its stubdata. */
const struct {
  unsigned short header_size;
  unsigned char magic[2];
  unsigned short info_size;
  unsigned short reserved;
  unsigned char big_endian, charset, size_of_char, reserved_too;
  unsigned char format[4], format_version[4], data_version[4];
  unsigned char padding[8];
  unsigned int count, reserved_three;
} icudt72_dat = {32, {0xda, 0x27}, 20, 0, 0, 0, 2, 0, {'T', 'o', 'C', 'P'}, {1, 0, 0, 0}, {0, 0, 0, 0}, {0}, 0, 0};
