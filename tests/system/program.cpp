#include "tests/system/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/catch.h"

namespace spa::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kProgram[] = SPA_PROGRAM;

Words Environment(const Words& added) {
  Words all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const bool read_by_program = text.starts_with("SHAREPOINT_AUDIT_") ||
                                 text.starts_with("AZURE_") || text.starts_with("IDENTITY_");
    if (!read_by_program) all.push_back(text);
  }
  all.insert(all.end(), added.begin(), added.end());
  return all;
}

std::vector<char*> Pointers(const Words& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "spa-system-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteText(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  REQUIRE(file.flush());
}

Program::Program(const Words& arguments, const Surroundings& around) : started_(Clock::now()) {
  Words words = {kProgram};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const Words environment = Environment(around.environment);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  const std::string out = folder_.File("out"), err = folder_.File("err");
  if (around.out >= 0) {
    posix_spawn_file_actions_adddup2(&files, around.out, STDOUT_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT, 0600);
  }
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT, 0600);
  const int failed = ::posix_spawn(&process_, kProgram, &files, nullptr, Pointers(words).data(),
                                   Pointers(environment).data());
  posix_spawn_file_actions_destroy(&files);
  REQUIRE(failed == 0);
  handle_ = static_cast<int>(::syscall(SYS_pidfd_open, process_, 0));
  REQUIRE(handle_ >= 0);
}

Program::~Program() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  if (handle_ >= 0) ::close(handle_);
}

void Program::Signal(int number) const { REQUIRE(::kill(process_, number) == 0); }

bool Program::RunUntil(const std::function<bool()>& holds) const {
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    pollfd ended{handle_, POLLIN, 0};
    if (::poll(&ended, 1, 5) != 0 || Clock::now() > deadline) return holds();
  }
  return true;
}

Ended Program::Wait(std::chrono::seconds patience) {
  pollfd ended{handle_, POLLIN, 0};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
  const bool in_time = ::poll(&ended, 1, static_cast<int>(limit.count())) == 1;
  if (!in_time) ::kill(process_, SIGKILL);
  int status = 0;
  ::waitpid(process_, &status, 0);
  process_ = -1;
  Ended result;
  result.took = Clock::now() - started_;
  result.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = ReadText(folder_.File("out"));
  result.err = ReadText(folder_.File("err"));
  INFO("the program did not end; it said: " << result.err);
  REQUIRE(in_time);
  return result;
}

Ended Run(const Words& arguments, const Surroundings& around) {
  return Program(arguments, around).Wait();
}

}  // namespace spa::testing
