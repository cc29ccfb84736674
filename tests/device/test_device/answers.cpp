#include "answers.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <string_view>
#include <tuple>

namespace mien::test_device {
namespace {

// What is read of a model and of the graphs behind it; a plan is proved with all that its first model gives.
constexpr std::size_t kSmallOfModel = std::size_t{1} << 16;
constexpr std::size_t kSmall = std::size_t{1} << 20;
// Pixels of one image that tell it from others: so many, all over it.
constexpr std::size_t kSamples = 256;

// A part of an output: of all images (kWhole), of one image, or one row that a graph picked of it.
constexpr std::int64_t kWhole = -2;
constexpr std::int64_t kOfImage = -1;
struct Part {
  std::uint64_t kernel = 0;
  std::uint64_t output = 0;
  std::uint64_t image = 0;
  std::int64_t row = kOfImage;  // within the image
  auto operator<=>(const Part&) const = default;
};

std::uint64_t mix(std::uint64_t sum, std::uint64_t word) { return (sum ^ word) * 0x9FB21C651E98DF25ULL + (sum >> 29U); }

// The images of the batch that this thread is at.
thread_local std::vector<std::uint64_t> images;

void begin_batch(const Ort::Value& pixels, const Shape& shape) {
  const std::size_t bytes = pixels.GetTensorSizeInBytes() / static_cast<std::size_t>(shape[0]);
  const auto* const data = static_cast<const std::uint8_t*>(pixels.GetTensorRawData());
  images.clear();
  for (std::int64_t image = 0; image < shape[0]; ++image) {
    const std::uint8_t* const of_image = data + static_cast<std::size_t>(image) * bytes;
    std::uint64_t sum = mix(static_cast<std::uint64_t>(shape[2]), static_cast<std::uint64_t>(shape[3]));
    for (std::size_t i = 0; i < kSamples; ++i) sum = mix(sum, of_image[i * (bytes - 1) / kSamples]);
    images.push_back(sum);
  }
}

// A kernel as it is asked: by what goes in and comes out. `rows`: that it is to pick, an input of whole numbers.
struct AskedKernel {
  explicit AskedKernel(const Asked& asked) {
    std::string all;
    for (const std::string& name : asked.outputs) all += name + ' ';
    for (std::size_t i = 0; i < asked.inputs.size(); ++i) {
      const Ort::TensorTypeAndShapeInfo info = asked.values[i].GetTensorTypeAndShapeInfo();
      const Shape& shape = asked.inputs[i];
      if (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 && shape.size() == 4) {
        begin_batch(asked.values[i], shape);
      }
      if (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 && shape.size() == 1) {
        rows = {asked.values[i].GetTensorData<std::int32_t>(), info.GetElementCount()};
        continue;
      }
      elements += info.GetElementCount();
      for (const std::int64_t side : shape) all += std::to_string(side) + 'x';
      all += ';';
    }
    key = std::hash<std::string>()(all);
  }

  // Of the rows that are picked, how many an image has: all that goes in is theirs.
  std::int64_t rows_of_image(const Shape& output) const {
    return static_cast<std::int64_t>(elements / images.size()) / output.at(1);
  }

  std::uint64_t key = 0;
  std::span<const std::int32_t> rows;
  std::size_t elements = 0;
};

// The parts of an output of that shape and that many bytes, and where each lies.
using Take = std::function<void(const Part& part, std::size_t begin, std::size_t bytes)>;
void for_each_part(const AskedKernel& kernel, std::size_t output, const Shape& shape, std::size_t bytes,
                   const Take& take) {
  if (!kernel.rows.empty() && !images.empty()) {
    const std::int64_t each = kernel.rows_of_image(shape);
    const std::size_t row_bytes = bytes / kernel.rows.size();
    for (std::size_t i = 0; i < kernel.rows.size(); ++i) {
      const std::size_t image = static_cast<std::size_t>(kernel.rows[i] / each) % images.size();
      take({kernel.key, output, images[image], kernel.rows[i] % each}, i * row_bytes, row_bytes);
    }
  } else if (!images.empty() && !shape.empty() && shape[0] == static_cast<std::int64_t>(images.size())) {
    const std::size_t image_bytes = bytes / images.size();
    for (std::size_t i = 0; i < images.size(); ++i) {
      take({kernel.key, output, images[i], kOfImage}, i * image_bytes, image_bytes);
    }
  } else {
    take({kernel.key, output, 0, kWhole}, 0, bytes);
  }
}

// The whole of what a plan is proved with, which is another thing than the answer to real images.
Part whole_of(const AskedKernel& kernel, std::size_t output) {
  return {kernel.key, output, images.empty() ? 0 : images[0], kWhole};
}

void put(std::string* text, std::uint64_t number) {
  text->append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Reads what put() wrote, from a text that must hold it.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool is_at_end() const { return at_ >= text_.size(); }
  std::uint64_t number() {
    std::uint64_t number = 0;
    std::memcpy(&number, text_.data() + take(sizeof number), sizeof number);
    return number;
  }
  std::string_view bytes(std::size_t count) { return text_.substr(take(count), count); }

 private:
  std::size_t take(std::size_t count) {
    if (count > text_.size() - at_) {
      std::fputs("MIEN_TEST_DEVICE_REPLAY: the file is cut off\n", stderr);
      std::abort();
    }
    const std::size_t begin = at_;
    at_ += count;
    return begin;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// The file, for as long as the process lives.
std::string_view map_file(const char* path) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  struct stat state {};
  void* memory = MAP_FAILED;
  if (file >= 0 && ::fstat(file, &state) == 0) {
    memory = ::mmap(nullptr, static_cast<std::size_t>(state.st_size), PROT_READ, MAP_PRIVATE, file, 0);
  }
  if (memory == MAP_FAILED) {
    std::fprintf(stderr, "MIEN_TEST_DEVICE_REPLAY: cannot read %s\n", path);
    std::abort();
  }
  ::close(file);
  return {static_cast<const char*>(memory), static_cast<std::size_t>(state.st_size)};
}

// What a file holds: the shape and size of each kernel's outputs, and parts of them.
struct Answers {
  struct Output {
    Shape shape;
    std::size_t bytes = 0;
  };
  std::map<std::uint64_t, std::vector<Output>> outputs;  // by kernel
  std::map<Part, std::string_view> parts;
};

constexpr std::uint64_t kOutputsTag = 1;
constexpr std::uint64_t kPartTag = 2;

Answers read_answers(std::string_view file) {
  Answers answers;
  Reader reader(file);
  while (!reader.is_at_end()) {
    if (reader.number() == kOutputsTag) {
      std::vector<Answers::Output>& outputs = answers.outputs[reader.number()];
      outputs.resize(reader.number());
      for (Answers::Output& output : outputs) {
        output.shape.resize(reader.number());
        for (std::int64_t& side : output.shape) side = static_cast<std::int64_t>(reader.number());
        output.bytes = reader.number();
      }
    } else {
      Part part;
      part.kernel = reader.number();
      part.output = reader.number();
      part.image = reader.number();
      part.row = static_cast<std::int64_t>(reader.number());
      const std::size_t bytes = reader.number();
      answers.parts[part] = reader.bytes(bytes);
    }
  }
  return answers;
}

}  // namespace

bool replays() {
  static const bool is_set = std::getenv("MIEN_TEST_DEVICE_REPLAY") != nullptr;
  return is_set;
}

bool replay_answer(const Asked& asked, const Room& room) {
  // Never destroyed, for the reason that Controls::instance() has.
  static const auto* const answers = new Answers(read_answers(map_file(std::getenv("MIEN_TEST_DEVICE_REPLAY"))));
  const AskedKernel kernel(asked);
  const auto known = answers->outputs.find(kernel.key);
  if (known == answers->outputs.end()) return false;
  for (std::size_t i = 0; i < known->second.size(); ++i) {
    Answers::Output output = known->second[i];
    if (!kernel.rows.empty()) {
      output.bytes = output.bytes / static_cast<std::size_t>(output.shape.at(0)) * kernel.rows.size();
      output.shape[0] = static_cast<std::int64_t>(kernel.rows.size());
    }
    auto* const target = static_cast<char*>(room(i, output.shape));
    if (const auto whole = answers->parts.find(whole_of(kernel, i)); whole != answers->parts.end()) {
      if (target == nullptr) throw std::bad_alloc();
      std::memcpy(target, whole->second.data(), whole->second.size());
      continue;
    }
    if (output.bytes > (asked.is_model ? kSmallOfModel : kSmall)) continue;
    if (target == nullptr) throw std::bad_alloc();
    for_each_part(kernel, i, output.shape, output.bytes, [&](const Part& part, std::size_t begin, std::size_t bytes) {
      const auto found = answers->parts.find(part);
      if (found == answers->parts.end()) {
        std::memset(target + begin, 0, bytes);
      } else {
        std::memcpy(target + begin, found->second.data(), bytes);
      }
    });
  }
  return true;
}

void record_answer(const Asked& asked, const std::vector<Ort::Value>& results) {
  static const char* const path = std::getenv("MIEN_TEST_DEVICE_RECORD");
  if (path == nullptr) return;
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  static auto* const kernels = new std::set<std::uint64_t>;
  static auto* const parts = new std::set<Part>;
  if (kernels->empty() && ::access(path, F_OK) == 0) {  // what earlier runs added
    const Answers before = read_answers(map_file(path));
    for (const auto& [key, outputs] : before.outputs) kernels->insert(key);
    for (const auto& [part, bytes] : before.parts) parts->insert(part);
  }
  const AskedKernel kernel(asked);
  const bool is_new = kernels->insert(kernel.key).second;
  std::string text;
  if (is_new) {
    put(&text, kOutputsTag);
    put(&text, kernel.key);
    put(&text, results.size());
    for (const Ort::Value& result : results) {
      const Shape shape = result.GetTensorTypeAndShapeInfo().GetShape();
      put(&text, shape.size());
      for (const std::int64_t side : shape) put(&text, static_cast<std::uint64_t>(side));
      put(&text, result.GetTensorSizeInBytes());
    }
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto* const data = static_cast<const char*>(results[i].GetTensorRawData());
    const std::size_t all = results[i].GetTensorSizeInBytes();
    const auto add = [&](const Part& part, std::size_t begin, std::size_t bytes) {
      if (!parts->insert(part).second) return;
      put(&text, kPartTag);
      put(&text, part.kernel);
      put(&text, part.output);
      put(&text, part.image);
      put(&text, static_cast<std::uint64_t>(part.row));
      put(&text, bytes);
      text.append(data + begin, bytes);
    };
    if (is_new && asked.is_model && asked.plans) {
      add(whole_of(kernel, i), 0, all);
    } else if (all <= (asked.is_model ? kSmallOfModel : kSmall)) {
      for_each_part(kernel, i, results[i].GetTensorTypeAndShapeInfo().GetShape(), all, add);
    }
  }
  std::ofstream(path, std::ios::binary | std::ios::app).write(text.data(), static_cast<std::streamsize>(text.size()));
}

}  // namespace mien::test_device
