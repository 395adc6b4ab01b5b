// The shell of HTML pages: what is put into one stays data.
#include <nlohmann/json.hpp>

#include "report/html/page.h"
#include "tests/catch.h"

namespace spa {
namespace {

constexpr std::string_view kBegin = "<script type=\"application/json\" id=\"data\">";

// What a parser of HTML takes for the data: all up to the first end of a script.
std::string DataOf(const std::string& page) {
  const auto begin = page.find(kBegin) + kBegin.size();
  return page.substr(begin, page.find("</script", begin) - begin);
}

std::size_t Count(const std::string& text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST_CASE("No text ends the data of a page or becomes markup") {
  const nlohmann::json data = {"</script><script>alert(1)</script>", "<!--<script>",
                               "<img src=x onerror=alert(1)>", "\xE2\x80\xA8",
                               "=cmd|' /C calc'!A0"};
  const std::string_view kScripts[] = {html::kPage};
  const std::string page = HtmlPage("a <b> & c", kScripts, data.dump());
  CHECK(DataOf(page).find('<') == std::string::npos);
  CHECK(nlohmann::json::parse(DataOf(page)) == data);
  CHECK(page.find("<title>a &lt;b> &amp; c</title>") != page.npos);
  CHECK(page.find("alert(1)</script>") == page.npos);
  CHECK(page.find("<img") == page.npos);
}

TEST_CASE("A page allows its own scripts and nothing else") {
  const std::string_view kScripts[] = {html::kChartLibrary, html::kPage, html::kCharts,
                                           html::kReport};
  const std::string page = HtmlPage("t", kScripts, "{}");
  const auto begin = page.find("content=\"default-src 'none'");
  REQUIRE(begin != page.npos);
  const std::string policy = page.substr(begin, page.find("\">", begin) - begin);
  CHECK(Count(policy, "'sha256-") == std::size(kScripts) + 1);  // and the style sheet
  CHECK(policy.find("unsafe") == policy.npos);
  CHECK(policy.find("http") == policy.npos);
  for (const char* asks : {" src=", "@import", "url("}) {
    INFO(asks);
    for (const std::string_view own : {html::kStyle, html::kPage, html::kCharts, html::kReport}) {
      CHECK(own.find(asks) == own.npos);
    }
  }
  for (const char* unsafe :
       {"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("}) {
    INFO(unsafe);
    for (const std::string_view own : {html::kPage, html::kCharts, html::kReport}) {
      CHECK(own.find(unsafe) == own.npos);
    }
  }
}

TEST_CASE("The chart library goes along with its licence and only where it is used") {
  const std::string_view kPlain[] = {html::kPage};
  const std::string_view kDrawn[] = {html::kChartLibrary, html::kPage};
  CHECK(HtmlPage("t", kDrawn, "{}").find("Redistribution and use") != std::string::npos);
  CHECK(HtmlPage("t", kDrawn, "{}").find("Mike Bostock") != std::string::npos);
  CHECK(HtmlPage("t", kPlain, "{}").find("Redistribution and use") == std::string::npos);
}

}  // namespace
}  // namespace spa
