// Program: the built sharepoint-audit as a child process.
//
// Its environment is this process's without the variables the product reads, so a developer's own
// credentials change no test. Standard output and error go to files and are read when it ended.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace spa::testing {

using Words = std::vector<std::string>;

// A folder that goes away with the test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  std::string File(const std::string& name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string ReadText(const std::string& path);
void WriteText(const std::string& path, const std::string& text);

struct Ended {
  int exit = -1;  // 128 + number where a signal ended it.
  std::string out, err;
  std::chrono::duration<double> took{0};
};

struct Surroundings {
  Surroundings() = default;
  Words environment;  // "NAME=VALUE", added
  int out = -1;       // Standard output goes here instead of a file.
};

class Program {
 public:
  static constexpr std::chrono::seconds kPatience{280};

  explicit Program(const Words& arguments, const Surroundings& around = Surroundings());
  ~Program();  // Kills it where it still runs.
  Program(const Program&) = delete;

  void Signal(int number) const;
  // Asks `holds` every few milliseconds; false where the program ended first or patience did.
  bool RunUntil(const std::function<bool()>& holds) const;
  // Fails the test and kills the program where it does not end in time.
  Ended Wait(std::chrono::seconds patience = kPatience);

 private:
  Folder folder_;
  pid_t process_ = -1;
  int handle_ = -1;
  std::chrono::steady_clock::time_point started_;
};

Ended Run(const Words& arguments, const Surroundings& around = Surroundings());

}  // namespace spa::testing
