#include "tests/support/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <stdexcept>

extern char** environ;

namespace spa::testing {

using nlohmann::json;

namespace {

constexpr int kPatience = 60'000;  // ms

void Demand(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("the browser ") + what);
}

std::string FromBase64(const std::string& text) {
  std::string bytes;
  unsigned value = 0;
  int bits = 0;
  for (const char c : text) {
    const int digit = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (digit < 0) break;
    value = value << 6 | static_cast<unsigned>(digit);
    bits += 6;
    if (bits >= 8) bytes += static_cast<char>(value >> (bits -= 8) & 0xff);
  }
  return bytes;
}

}  // namespace

Browser::Browser() {
  std::string folder = (std::filesystem::temp_directory_path() / "spa-browser-XXXXXX").string();
  Demand(::mkdtemp(folder.data()) != nullptr, "has no folder");
  folder_ = folder;
  int down[2], up[2];
  Demand(::pipe2(down, O_CLOEXEC) == 0 && ::pipe2(up, O_CLOEXEC) == 0, "has no pipe");
  std::vector<std::string> words = {"chromium",
                                    "--headless=new",
                                    "--remote-debugging-pipe",
                                    "--disable-gpu",
                                    "--disable-dev-shm-usage",
                                    "--disable-background-networking",
                                    "--disable-component-update",
                                    "--disable-default-apps",
                                    "--disable-extensions",
                                    "--disable-sync",
                                    "--no-first-run",
                                    "--hide-scrollbars",
                                    "--user-data-dir=" + folder_.string()};
  if (::geteuid() == 0) words.push_back("--no-sandbox");
  std::vector<std::string> settings = {"HOME=" + folder_.string(),
                                       "XDG_CONFIG_HOME=" + folder_.string(),
                                       "XDG_CACHE_HOME=" + folder_.string()};
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string setting = *each;
    if (!setting.starts_with("HOME=") && !setting.starts_with("XDG_")) settings.push_back(setting);
  }
  std::vector<char*> arguments, environment;
  for (std::string& word : words) arguments.push_back(word.data());
  for (std::string& setting : settings) environment.push_back(setting.data());
  arguments.push_back(nullptr);
  environment.push_back(nullptr);
  // Descriptors 3 and 4 are where it listens and talks; ours may be these very numbers.
  const int listens = ::fcntl(down[0], F_DUPFD_CLOEXEC, 10);
  const int talks = ::fcntl(up[1], F_DUPFD_CLOEXEC, 10);
  const std::string log = (folder_ / "log").string();
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_adddup2(&files, listens, 3);
  posix_spawn_file_actions_adddup2(&files, talks, 4);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // To end it with its children.
  const int failed = ::posix_spawnp(&process_, "chromium", &files, &attributes, arguments.data(),
                                    environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  for (const int fd : {down[0], up[1], listens, talks}) ::close(fd);
  to_ = down[1];
  from_ = up[0];
  Demand(failed == 0, "is not there: scripts/install-deps --test installs chromium");

  const json target = Call("Target.createTarget", {{"url", "about:blank"}});
  const json attached =
      Call("Target.attachToTarget", {{"targetId", target.at("targetId")}, {"flatten", true}});
  session_ = attached.at("sessionId");
  for (const char* domain : {"Page.enable", "Runtime.enable", "Log.enable", "Network.enable"}) {
    Call(domain, json::object());
  }
}

Browser::~Browser() {
  if (to_ >= 0) ::close(to_);
  if (from_ >= 0) ::close(from_);
  if (process_ > 0) {
    ::kill(-process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  std::error_code ignored;  // A child may still write into it.
  std::filesystem::remove_all(folder_, ignored);
}

json Browser::Next() {
  std::size_t end;
  while ((end = read_.find('\0')) == std::string::npos) {
    pollfd ready{from_, POLLIN, 0};
    Demand(::poll(&ready, 1, kPatience) == 1, "does not answer");
    char buffer[65536];
    const ssize_t got = ::read(from_, buffer, sizeof buffer);
    Demand(got > 0, "has ended");
    read_.append(buffer, static_cast<std::size_t>(got));
  }
  json message = json::parse(read_.begin(), read_.begin() + static_cast<std::ptrdiff_t>(end));
  read_.erase(0, end + 1);
  return message;
}

void Browser::Note(const json& event) {
  const std::string method = event.value("method", "");
  const json& what = event.contains("params") ? event.at("params") : event;
  if (method == "Page.loadEventFired") {
    loaded_ = true;
  } else if (method == "Network.requestWillBeSent") {
    requests_.push_back(what.at("request").at("url"));
  } else if (method == "Runtime.exceptionThrown") {
    complaints_.push_back("exception: " + what.at("exceptionDetails").dump());
  } else if (method == "Runtime.consoleAPICalled") {
    complaints_.push_back("console: " + what.at("args").dump());
  } else if (method == "Log.entryAdded") {
    complaints_.push_back(what.at("entry").value("source", "") + ": " +
                          what.at("entry").value("text", ""));
  }
}

json Browser::Call(const std::string& method, json parameters) {
  json message = {{"id", ++calls_}, {"method", method}, {"params", std::move(parameters)}};
  if (!session_.empty()) message["sessionId"] = session_;
  const std::string text = message.dump();
  for (std::size_t sent = 0; sent <= text.size();) {  // With the zero that ends it.
    const ssize_t wrote = ::write(to_, text.c_str() + sent, text.size() + 1 - sent);
    Demand(wrote > 0, "does not listen");
    sent += static_cast<std::size_t>(wrote);
  }
  while (true) {
    const json next = Next();
    if (next.value("id", 0) != calls_) {
      Note(next);
      continue;
    }
    if (next.contains("error")) throw std::runtime_error(method + ": " + next["error"].dump());
    return next.at("result");
  }
}

void Browser::Open(const std::string& where, const BrowserView& view) {
  Call("Emulation.setDeviceMetricsOverride", {{"width", view.width},
                                              {"height", view.height},
                                              {"deviceScaleFactor", 1},
                                              {"mobile", false}});
  Call("Emulation.setEmulatedMedia",
       {{"media", view.print ? "print" : "screen"},
        {"features", json::array({{{"name", "prefers-color-scheme"},
                                   {"value", view.dark ? "dark" : "light"}}})}});
  Call("Page.navigate", {{"url", "about:blank"}});
  loaded_ = false;
  while (!loaded_) Note(Next());
  complaints_.clear();
  requests_.clear();
  loaded_ = false;
  const std::string url = where.starts_with("/") ? "file://" + where : where;
  const json went = Call("Page.navigate", {{"url", url}});
  Demand(!went.contains("errorText"), "cannot open the page");
  while (!loaded_) Note(Next());
}

json Browser::Evaluate(const std::string& expression) {
  const json answer =
      Call("Runtime.evaluate",
           {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
  if (answer.contains("exceptionDetails")) {
    throw std::runtime_error(expression + ": " + answer["exceptionDetails"].dump());
  }
  return answer.at("result").contains("value") ? answer["result"]["value"] : json();
}

void Browser::Press(const std::string& key) {
  static const std::map<std::string, std::pair<int, std::string>> kKeys = {
      {"Tab", {9, ""}}, {"Enter", {13, "\r"}}, {"Space", {32, " "}}};
  const auto& [code, text] = kKeys.at(key);
  json down = {{"type", text.empty() ? "rawKeyDown" : "keyDown"},
               {"key", key == "Space" ? " " : key},
               {"code", key},
               {"windowsVirtualKeyCode", code}};
  if (!text.empty()) down["text"] = text;
  Call("Input.dispatchKeyEvent", down);
  down["type"] = "keyUp";
  down.erase("text");
  Call("Input.dispatchKeyEvent", down);
}

const std::vector<std::string>& Browser::complaints() {
  Evaluate("new Promise((done) => setTimeout(done, 0))");  // What is on its way comes first.
  return complaints_;
}

const std::vector<std::string>& Browser::requests() {
  Evaluate("new Promise((done) => setTimeout(done, 0))");
  return requests_;
}

std::string Browser::Screenshot() {
  return FromBase64(Call("Page.captureScreenshot", {{"captureBeyondViewport", true}}).at("data"));
}

std::string Browser::Pdf() {
  Call("Emulation.setEmulatedMedia", {{"media", ""}});
  return FromBase64(
      Call("Page.printToPDF", {{"printBackground", true}, {"preferCSSPageSize", true}}).at("data"));
}

}  // namespace spa::testing
