// mien-decoder: started by mien --sandbox, never by hand.
#include "image/decoder/serve.h"

int main(int argc, char** argv) {
  return mien::decoder::serve({argv, static_cast<std::size_t>(argc)}, mien::decode_image);
}
