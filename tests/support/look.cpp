// look FILE [--dark] [--width N] [--screenshot PNG] [--pdf PDF]: opens a page in Chromium and
// prints as JSON how long it took, from the navigation on, and what was the matter. For people and
// bench/.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

#include "tests/support/browser.h"

int main(int argc, char** argv) {
  using spa::testing::Browser;
  if (argc < 2) {
    std::fprintf(stderr, "usage: look FILE [--dark] [--width N] [--screenshot PNG] [--pdf PDF]\n");
    return 2;
  }
  try {
    spa::testing::BrowserView view;
    std::string screenshot, pdf;
    for (int i = 2; i < argc; ++i) {
      const std::string word = argv[i];
      if (word == "--dark") view.dark = true;
      if (i + 1 == argc) continue;
      if (word == "--width") view.width = std::stoi(argv[++i]);
      if (word == "--screenshot") screenshot = argv[++i];
      if (word == "--pdf") pdf = argv[++i];
    }
    Browser browser;
    const std::string file = argv[1];
    const auto slash = file.find('#');
    browser.Open(std::filesystem::absolute(file.substr(0, slash)).string() +
                     (slash == std::string::npos ? "" : file.substr(slash)),
                 view);
    nlohmann::ordered_json told = {
        {"ready_ms", browser.Evaluate("Number(document.documentElement.dataset.ready)")},
        {"load_ms", browser.Evaluate(
                        "Math.round(performance.getEntriesByType('navigation')[0].loadEventEnd)")},
        {"painted_ms",
         browser.Evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(() => "
                          "done(Math.round(performance.now())), 0)))")},
        {"elements", browser.Evaluate("document.getElementsByTagName('*').length")},
        {"requests", browser.requests()},
        {"complaints", browser.complaints()}};
    std::printf("%s\n", told.dump(2).c_str());
    if (!screenshot.empty()) {
      std::ofstream(screenshot, std::ios::binary) << browser.Screenshot();
    }
    if (!pdf.empty()) std::ofstream(pdf, std::ios::binary) << browser.Pdf();
    return 0;
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "look: %s\n", failed.what());
    return 1;
  }
}
