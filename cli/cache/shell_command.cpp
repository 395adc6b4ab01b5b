#include "cli/cache/shell_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

extern char** environ;

namespace spa {
namespace {

// A running child in a process group of its own. Killed and reaped where it was not waited for.
class Child {
 public:
  Child() = default;
  ~Child() {
    if (process_ <= 0) return;
    kill(-process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  Child(const Child&) = delete;

  Status Start(const std::string& command, int output) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&how, 0);
    std::string shell = "/bin/sh", flag = "-c", text = command;
    std::array<char*, 4> words = {shell.data(), flag.data(), text.data(), nullptr};
    const int failed = posix_spawn(&process_, shell.c_str(), &files, &how, words.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    if (failed == 0) return {};
    process_ = -1;
    return Fail(ErrorCode::kInternal, fmt::format("cannot start a shell: {}", strerror(failed)));
  }

  // A descriptor that is readable when the child has ended.
  int Handle() const { return static_cast<int>(syscall(SYS_pidfd_open, process_, 0)); }

  int Reap() {
    int status = 0;
    waitpid(std::exchange(process_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t process_ = -1;
};

}  // namespace

Task<Result<std::string>> OutputOfShell(std::string command) {
  const auto executor = co_await asio::this_coro::executor;
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    co_return Fail(ErrorCode::kInternal, fmt::format("cannot make a pipe: {}", strerror(errno)));
  }
  asio::posix::stream_descriptor from(executor, ends[0]);
  Child child;
  const Status started = child.Start(command, ends[1]);
  close(ends[1]);
  if (!started) co_return Fail(started.error());

  std::string output;
  boost::system::error_code ended;
  auto buffer = asio::dynamic_buffer(output);
  co_await asio::async_read(from, buffer, asio::redirect_error(asio::use_awaitable, ended));
  if (ended == asio::error::operation_aborted) throw boost::system::system_error(ended);
  asio::posix::stream_descriptor handle(executor, child.Handle());
  co_await handle.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
  if (const int code = child.Reap(); code != 0) {
    co_return Fail(ErrorCode::kInternal, fmt::format("the command ended with code {}", code),
                   "nothing was stored");
  }
  if (output.ends_with('\n')) output.pop_back();
  co_return output;
}

}  // namespace spa
