#include "answers.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>

namespace mien::test_device {
namespace {

// What a plan is proved with is read whole.
constexpr std::size_t kSmall = std::size_t{1} << 20;
// The last answers are those to batches that are not full.
constexpr int kRecordedMax = 6;

std::uint64_t key_of(const std::vector<std::string>& outputs, const std::vector<Shape>& inputs, bool plans) {
  std::string all = plans ? "plan " : "";
  for (const std::string& name : outputs) all += name + ' ';
  for (const Shape& shape : inputs) {
    for (const std::int64_t side : shape) all += std::to_string(side) + 'x';
    all += ';';
  }
  return std::hash<std::string>()(all);
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

std::map<std::uint64_t, Answer> read_answers() {
  std::map<std::uint64_t, Answer> answers;
  Reader reader(map_file(std::getenv("MIEN_TEST_DEVICE_REPLAY")));
  while (!reader.is_at_end()) {
    const std::uint64_t key = reader.number();
    Answer answer;
    answer.outputs.resize(reader.number());
    for (Answer::Output& output : answer.outputs) {
      output.shape.resize(reader.number());
      for (std::int64_t& side : output.shape) side = static_cast<std::int64_t>(reader.number());
      output.bytes = reader.bytes(reader.number());
    }
    answers[key] = std::move(answer);  // the last one counts
  }
  return answers;
}

}  // namespace

bool replays() {
  static const bool is_set = std::getenv("MIEN_TEST_DEVICE_REPLAY") != nullptr;
  return is_set;
}

const Answer* recorded_answer(const std::vector<std::string>& outputs, const std::vector<Shape>& inputs, bool plans) {
  // Never destroyed, for the reason that Controls::instance() has.
  static const auto* const answers = new std::map<std::uint64_t, Answer>(read_answers());
  const auto found = answers->find(key_of(outputs, inputs, plans));
  return found == answers->end() ? nullptr : &found->second;
}

void record_answer(const std::vector<std::string>& outputs, const std::vector<Shape>& inputs, bool plans,
                   const std::vector<Ort::Value>& results) {
  static const char* const path = std::getenv("MIEN_TEST_DEVICE_RECORD");
  if (path == nullptr) return;
  static std::mutex mutex;
  static auto* const counts = new std::map<std::uint64_t, int>;
  const std::lock_guard<std::mutex> lock(mutex);
  const std::uint64_t key = key_of(outputs, inputs, plans);
  if (++(*counts)[key] > kRecordedMax) return;
  std::string text;
  put(&text, key);
  put(&text, results.size());
  for (const Ort::Value& result : results) {
    const Shape shape = result.GetTensorTypeAndShapeInfo().GetShape();
    put(&text, shape.size());
    for (const std::int64_t side : shape) put(&text, static_cast<std::uint64_t>(side));
    const std::size_t bytes = plans || result.GetTensorSizeInBytes() <= kSmall ? result.GetTensorSizeInBytes() : 0;
    put(&text, bytes);
    text.append(static_cast<const char*>(result.GetTensorRawData()), bytes);
  }
  std::ofstream(path, std::ios::binary | std::ios::app).write(text.data(), static_cast<std::streamsize>(text.size()));
}

}  // namespace mien::test_device
