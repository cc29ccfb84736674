/* Stands in for NVIDIA's libnvidia-ml.so.1. FAKE_NVML says how it behaves: "mismatch" and "unloaded" refuse to start,
   "unified" has no memory of its own; otherwise there are two GPUs, of which the second may not be opened with
   "locked". */
#include <stdlib.h>
#include <string.h>

struct memory {
  unsigned long long total, free, used;
};

static int is(const char* mode) {
  const char* value = getenv("FAKE_NVML");
  return value && strcmp(value, mode) == 0;
}

static int copy(const char* from, char* to, unsigned size) {
  if (strlen(from) >= size) return 7;
  strcpy(to, from);
  return 0;
}

int nvmlInit_v2(void) { return is("mismatch") ? 18 : is("unloaded") ? 9 : is("odd") ? 999 : 0; }
int nvmlShutdown(void) { return 0; }
const char* nvmlErrorString(int code) { return code == 999 ? "Unknown Error" : "other"; }
int nvmlSystemGetDriverVersion(char* text, unsigned size) { return copy("580.82.07", text, size); }
int nvmlSystemGetCudaDriverVersion_v2(int* version) {
  *version = is("old") ? 12040 : 13000;
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = (void*)(unsigned long)(index + 1);
  return is("locked") && index == 1 ? 4 : 0;
}
int nvmlDeviceGetName(void* device, char* text, unsigned size) {
  return copy((unsigned long)device == 1 ? "NVIDIA GeForce RTX 4090" : "NVIDIA T4", text, size);
}
int nvmlDeviceGetUUID(void* device, char* text, unsigned size) {
  return copy((unsigned long)device == 1 ? "GPU-aaaa1111" : "GPU-bbbb2222", text, size);
}
int nvmlDeviceGetMemoryInfo(void* device, struct memory* memory) {
  const unsigned long long mb = 1ULL << 20;
  if (is("unified")) return 3;
  memory->total = ((unsigned long)device == 1 ? 24576 : 16384) * mb;
  memory->free = 8192 * mb;
  memory->used = memory->total - memory->free;
  return 0;
}

struct process {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
};
/* Two programs on the first GPU, and one of which the driver does not say what it takes. */
int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned* count, struct process* list) {
  const unsigned long long mb = 1ULL << 20;
  const struct process all[] = {{41, 300 * mb, ~0U, ~0U}, {42, 500 * mb, ~0U, ~0U}, {43, ~0ULL, ~0U, ~0U}};
  if ((unsigned long)device != 1) {
    *count = 0;
    return 0;
  }
  if (*count < 3) return 7;
  memcpy(list, all, sizeof all);
  *count = 3;
  return 0;
}
