// Browser: a real Chromium without a window, to look at pages of ours: what it complains about,
// what it asks for, what stands in the page, how long it took.
//
// Speaks the DevTools protocol over a pipe, so there is no port and no driver. Its profile is a
// folder of its own that goes away with it. As root (in a container) it runs without its sandbox.
// Threads: one. Fails the test that uses it, or throws outside of one, where Chromium does not
// start or does not answer within a minute.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace spa::testing {

struct BrowserView {
  BrowserView() = default;
  int width = 1280, height = 900;
  bool dark = false, print = false;
};

class Browser {
 public:
  Browser();
  ~Browser();
  Browser(const Browser&) = delete;

  // Opens a file or URL and waits until it has loaded. What was noted of the page before is gone.
  void Open(const std::string& where, const BrowserView& view = BrowserView());
  // What an expression gives, as JSON. It is the page's console, so policies on scripts do not
  // hold.
  nlohmann::json Evaluate(const std::string& expression);
  // A key as a person presses it: "Tab", "Enter", "Space".
  void Press(const std::string& key);

  // Since Open: complaints on the console, exceptions and what a policy refused, one line each …
  const std::vector<std::string>& complaints();
  // … and every address the page asked for, its own included.
  const std::vector<std::string>& requests();

  // PNG of the whole page, and the page as printed (PDF), as bytes.
  std::string Screenshot();
  std::string Pdf();

 private:
  nlohmann::json Call(const std::string& method, nlohmann::json parameters);
  void Note(const nlohmann::json& event);
  nlohmann::json Next();  // The next message: an answer or an event.

  std::filesystem::path folder_;
  pid_t process_ = -1;
  int to_ = -1, from_ = -1;
  int calls_ = 0;
  std::string session_, read_;
  bool loaded_ = false;
  std::vector<std::string> complaints_, requests_;
};

}  // namespace spa::testing
