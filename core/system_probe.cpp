#include "core/system_probe.h"

#include <unistd.h>

#include <fstream>
#include <sstream>

namespace spa {
namespace {

std::string TextOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// "MemTotal:       24638636 kB" in bytes.
std::uint64_t MemoryLine(const std::string& meminfo, const std::string& name) {
  const std::size_t at = meminfo.find(name + ':');
  if (at == std::string::npos) return 0;
  std::istringstream rest(meminfo.substr(at + name.size() + 1));
  std::uint64_t kib = 0;
  rest >> kib;
  return kib * 1024;
}

double Percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

SystemProbe::SystemProbe(std::string root) : root_(std::move(root)) {}

SystemSample SystemProbe::Sample() {
  SystemSample sample;
  Ticks now;

  // "cpu  user nice system idle iowait irq softirq steal …": all are ticks, two of them idle ones.
  std::istringstream stat(TextOf(root_ + "/stat"));
  std::string word;
  stat >> word;
  std::uint64_t idle = 0, ticks = 0;
  for (int column = 0; column < 8 && stat >> ticks; ++column) {
    now.all += ticks;
    if (column == 3 || column == 4) idle += ticks;
  }
  now.busy = now.all - idle;

  // "pid (name) state ppid …": the name may hold anything, so the columns count from its end on.
  const std::string self = TextOf(root_ + "/self/stat");
  if (const std::size_t end = self.rfind(')'); end != std::string::npos) {
    std::istringstream rest(self.substr(end + 1));
    std::uint64_t user = 0, system = 0, pages = 0;
    for (int column = 3; rest >> word; ++column) {
      if (column == 14) user = std::stoull(word);
      if (column == 15) system = std::stoull(word);
      if (column == 24) pages = std::stoull(word);
    }
    now.process = user + system;
    sample.process_bytes = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }

  const std::string meminfo = TextOf(root_ + "/meminfo");
  sample.memory_bytes = MemoryLine(meminfo, "MemTotal");
  const std::uint64_t available = MemoryLine(meminfo, "MemAvailable");
  if (sample.memory_bytes > available) {
    sample.memory_percent = Percent(sample.memory_bytes - available, sample.memory_bytes);
  }

  if (before_.all != 0 && now.all > before_.all) {
    sample.cpu_percent = Percent(now.busy - before_.busy, now.all - before_.all);
    sample.process_cpu_percent = Percent(now.process - before_.process, now.all - before_.all);
  }
  before_ = now;
  return sample;
}

}  // namespace spa
