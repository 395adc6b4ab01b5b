#include "report/html/page.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace spa {
namespace {

// What the policy knows an inline script or style by.
std::string SourceHash(std::string_view content) {
  std::array<unsigned char, 32> hash{};
  EVP_Digest(content.data(), content.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
  std::array<unsigned char, 4 * ((32 + 2) / 3) + 1> text{};
  const int length = EVP_EncodeBlock(text.data(), hash.data(), static_cast<int>(hash.size()));
  return fmt::format("'sha256-{}'", std::string_view(reinterpret_cast<const char*>(text.data()),
                                                     static_cast<std::size_t>(length)));
}

void AppendReplaced(std::string& to, std::string_view text, char what, std::string_view by) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t next = std::min(text.find(what, at), text.size());
    to += text.substr(at, next - at);
    if (next < text.size()) to += by;
    at = next + 1;
  }
}

}  // namespace

std::string HtmlPage(std::string_view title, std::span<const std::string_view> scripts,
                     std::string_view json) {
  std::string allowed;
  std::size_t size = html::kStyle.size() + json.size() + 8192;
  for (const std::string_view script : scripts) {
    allowed += ' ' + SourceHash(script);
    size += script.size();
  }
  std::string page;
  page.reserve(size + json.size() / 16);
  page += fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "script-src{}; style-src {}; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>",
      allowed, SourceHash(html::kStyle));
  for (const char c : title) {
    page += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  }
  page += "</title>\n<style>";
  page += html::kStyle;
  page +=
      "</style>\n</head>\n<body>\n"
      "<noscript><p class=\"banner\">This report draws itself with JavaScript, which is switched "
      "off here. It loads nothing from anywhere; allow scripts for this file to read it, or use "
      "<code>sharepoint-audit export</code>.</p></noscript>\n"
      "<script type=\"application/json\" id=\"data\">";
  AppendReplaced(page, json, '<', "\\u003c");
  page += "</script>\n";
  const bool charts = std::find_if(scripts.begin(), scripts.end(), [](std::string_view script) {
                        return script.data() == html::kChartLibrary.data();
                      }) != scripts.end();
  if (charts) {
    page += "<script type=\"text/plain\" id=\"licence\">";
    page += html::kChartLibraryLicence;
    page += "</script>\n";
  }
  for (const std::string_view script : scripts) {
    page += "<script>";
    page += script;
    page += "</script>\n";
  }
  page += "</body>\n</html>\n";
  return page;
}

}  // namespace spa
