#include "core/system_probe.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.h"

namespace spa {
namespace {

// A /proc whose numbers the test writes.
class FakeProc {
 public:
  FakeProc() : path_(std::filesystem::temp_directory_path() / "spa_fake_proc") {
    std::filesystem::create_directories(path_ / "self");
  }
  ~FakeProc() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }

  void Say(long busy, long idle, long process) const {
    std::ofstream(path_ / "stat") << "cpu  " << busy << " 0 0 " << idle << " 0 0 0 0 0 0\ncpu0 1\n";
    std::ofstream(path_ / "meminfo")
        << "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  250 kB\n";
    std::ofstream(path_ / "self/stat")
        << "7 (a) b (c) S 1 1 1 0 -1 0 0 0 0 0 " << process << " 5 0 0 20 0 1 0 100 1000 3\n";
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("The probe says what the machine's files say", "[core][S0-06][S0-26]") {
  const FakeProc proc;
  SystemProbe probe(proc.path());

  proc.Say(100, 100, 10);
  const SystemSample first = probe.Sample();
  proc.Say(130, 170, 20);
  const SystemSample second = probe.Sample();

  CHECK(first.cpu_percent == 0);
  CHECK(first.memory_percent == Approx(75));
  CHECK(first.memory_bytes == 1000 * 1024);
  CHECK(first.process_bytes == 3 * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
  CHECK(second.cpu_percent == Approx(30));
  CHECK(second.process_cpu_percent == Approx(10));
}

TEST_CASE("The probe of a system without such files is silent", "[core][S0-06]") {
  SystemProbe probe("/nowhere");

  CHECK(probe.Sample().cpu_percent == 0);
  CHECK(probe.Sample().memory_percent == 0);
}

TEST_CASE("The real machine has memory and this process lives in it", "[core][S0-06]") {
  SystemProbe probe;

  const SystemSample sample = probe.Sample();

  CHECK(sample.memory_bytes > sample.process_bytes);
  CHECK(sample.process_bytes > 0);
  CHECK(sample.memory_percent > 0);
}

}  // namespace spa
