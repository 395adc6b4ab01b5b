// The HTML report: its data against what the run and the tenant say, and the page in a browser.
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>

#include "tests/support/browser.h"
#include "tests/system/changes.h"
#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

Ended Report(const Tenant& tenant, const Words& more = {}) {
  Words words = {"report", "--config", tenant.config(), "--output", tenant.File("report.html")};
  words.insert(words.end(), more.begin(), more.end());
  return Run(words);
}

// Writes the report; the path.
std::string Written(const Tenant& tenant, const Words& more = {}) {
  const Ended ended = Report(tenant, more);
  INFO(ended.err);
  REQUIRE(ended.exit == 0);
  CHECK(ended.out == tenant.File("report.html") + "\n");
  return tenant.File("report.html");
}

json DataOf(const std::string& path) {
  const std::string page = ReadText(path);
  const std::string begin = "<script type=\"application/json\" id=\"data\">";
  const auto at = page.find(begin);
  REQUIRE(at != page.npos);
  return json::parse(page.substr(at + begin.size(), page.find("</script", at) - at - begin.size()));
}

// A table's rows as objects.
std::vector<json> Rows(const json& data, const std::string& name) {
  const json& table = data.at("tables").at(name);
  std::vector<json> rows;
  for (const json& cells : table.at("rows")) {
    json& row = rows.emplace_back();
    for (std::size_t i = 0; i < cells.size(); ++i) row[table["columns"][i]] = cells[i];
  }
  return rows;
}

std::int64_t Sum(
    const std::vector<json>& rows, const std::string& key,
    const std::function<bool(const json&)>& counts = [](const json&) { return true; }) {
  std::int64_t sum = 0;
  for (const json& row : rows) {
    if (counts(row)) sum += row.at(key).get<std::int64_t>();
  }
  return sum;
}

void Sql(const std::string& database, const std::string& statements) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(database.c_str(), &db) == SQLITE_OK);
  char* words = nullptr;
  sqlite3_exec(db, statements.c_str(), nullptr, nullptr, &words);
  const std::string failure = words == nullptr ? "" : words;
  sqlite3_free(words);
  sqlite3_close(db);
  INFO(failure);
  REQUIRE(failure.empty());
}

// What stands in the page, also in what is folded up.
std::string TextOf(Browser& browser) {
  browser.Evaluate(
      "document.querySelectorAll('details').forEach((each) => { each.open = true; }); "
      "new Promise((done) => setTimeout(done, 50))");
  return browser.Evaluate("document.body.innerText").get<std::string>();
}

void CheckQuiet(Browser& browser, const std::string& path) {
  CHECK(browser.complaints() == std::vector<std::string>());
  for (const std::string& request : browser.requests()) {
    INFO(request);
    CHECK((request == "file://" + path || request.starts_with("data:")));
  }
}

}  // namespace

TEST_CASE("A report counts what its run counted") {
  const Tenant tenant("small");
  const json summary = tenant.Summary();
  const std::string path = Written(tenant);
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);

  const json data = DataOf(path);
  CHECK(data["run"]["id"] == summary["run_id"]);
  CHECK(data["run"]["status"] == "partial");
  CHECK(data["summary"]["coverage"]["discovered"] == summary["coverage"]["discovered"]);
  CHECK(Sum(Rows(data, "types"), "objects") == summary["coverage"]["discovered"]);
  CHECK(Sum(Rows(data, "sites"), "objects") == summary["coverage"]["discovered"]);
  CHECK(data["tables"]["gaps"]["total"] == summary["coverage"]["gaps"].size());
  for (const char* severity : {"critical", "high", "medium", "low"}) {
    INFO(severity);
    CHECK(Sum(Rows(data, "counts"), "open", [&](const json& row) {
            return row["severity"] == severity;
          }) == summary["findings"][severity]);
  }
  CHECK(Sum(Rows(data, "link_groups"), "links") == summary["grants"]["links"]);
  CHECK(Sum(Rows(data, "link_groups"), "links", [](const json& row) {
          return row["scope"] == "anonymous";
        }) == summary["grants"]["anonymous"]);
  CHECK(Sum(Rows(data, "sites"), "anyone") ==
        Sum(Rows(data, "link_groups"), "links", [](const json& row) {
          return row["scope"] == "anonymous" && row["ending"] != "expired";
        }));
  std::set<std::string> unknown;
  for (const json& rule : Rows(data, "rules")) {
    if (rule["state"] != "evaluated") unknown.insert(rule["id"]);
  }
  for (const auto& [rule, why] : summary["findings"]["not_evaluated"].items()) {
    CHECK(unknown.contains(rule));
  }
  CHECK(data["tables"]["trend"]["total"] == 1);
}

TEST_CASE("A report's sites are as open as the access to them") {
  const Tenant tenant("demo");
  tenant.Summary();
  const json data = DataOf(Written(tenant));
  struct Open {
    Open() = default;
    int widest = -1;
    std::set<std::string> outside;
  };
  std::map<std::string, Open> sites;
  for (const json& site : Rows(data, "sites")) sites[site["url"]];
  std::set<std::string> outside;
  for (const json& line : ParseLines(ReadText(tenant.Export("access", {"--format", "jsonl"})))) {
    const std::string url = line["object_url"];
    Open* site = nullptr;
    for (auto& [root, each] : sites) {  // The last that fits is the longest.
      if (url == root || url.starts_with(root + "/")) site = &each;
    }
    REQUIRE(site != nullptr);
    site->widest = std::max(site->widest, 0);
    if (!line["blocked_by"].is_null()) continue;
    const bool guest = line["user_type"] == "guest";
    const bool writes = line["role"] == "write" || line["role"] == "owner";
    const std::string audience = line["audience"];
    site->widest = std::max(site->widest, audience == "anyone"              ? (writes ? 4 : 3)
                                          : guest || audience == "everyone" ? 2
                                          : audience == "organization"      ? 1
                                                                            : 0);
    if (guest) site->outside.insert(line["user_principal_name"]);
    if (guest) outside.insert(line["user_principal_name"]);
  }
  REQUIRE(outside.size() > 20);
  std::set<int> kinds;
  for (const json& site : Rows(data, "sites")) {
    INFO(site.dump());
    const Open& open = sites[site["url"]];
    CHECK(site["open"] == open.widest);
    CHECK(site["outside"] == open.outside.size());
    kinds.insert(open.widest);
  }
  CHECK(kinds.size() >= 4);
  CHECK(Rows(data, "outside_people").at(0)["people"] == outside.size());
  CHECK(data["tables"]["outsiders"]["total"] == outside.size());
}

TEST_CASE("A report tells the trend, what is new and what was decided") {
  Tenant tenant("small");
  const json first = tenant.Summary();
  const json decided = DataOf(Written(tenant));
  CHECK(Sum(Rows(decided, "counts"), "new") == 0);  // There is nothing to be newer than.
  const Ended baseline = Run({"findings", "baseline", "--config", tenant.config()});
  REQUIRE(baseline.exit == 0);
  Change(tenant,
         {{"seed", 3},
          {"changes",
           {{{"kind", "item.share"}, {"link", {{"scope", "anonymous"}, {"type", "edit"}}}}}}});
  tenant.Summary({"--full"});
  const json data = DataOf(Written(tenant));
  CHECK(data["tables"]["trend"]["total"] == 2);
  const auto trend = Rows(data, "trend");
  CHECK(trend[1]["critical"] == first["findings"]["critical"]);
  CHECK(trend[1]["objects"] == first["coverage"]["discovered"]);
  CHECK(Sum(Rows(data, "counts"), "new") > 0);
  CHECK(Sum(Rows(data, "counts"), "accepted") > 0);
  CHECK(Sum(Rows(data, "counts"), "open") == Sum(Rows(data, "counts"), "new"));
  // The first run is told as it was.
  const json before = DataOf(Written(tenant, {"--run", first["run_id"]}));
  CHECK(before["run"]["id"] == first["run_id"]);
  CHECK(before["tables"]["trend"]["total"] == 1);
  CHECK(before["tables"]["types"] == decided["tables"]["types"]);
  CHECK(before["tables"]["sites"] != data["tables"]["sites"]);
}

TEST_CASE("A long table says how much of it is there") {
  const Tenant tenant("small", kCertificate, {"sites=40", "items=400"});
  tenant.Summary();
  Sql(tenant.File("audit.db"),
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
      "INSERT INTO gap(run, oid, url, state, reason, remedy) "
      "SELECT (SELECT max(number) FROM run), NULL, 'made ' || i, 'failed', 'why', 'what' FROM n;");
  const std::string path = Written(tenant);
  const json gaps = DataOf(path)["tables"]["gaps"];
  CHECK(gaps["total"] >= 5000);
  CHECK(gaps["rows"].size() == 300);
  Browser browser;
  browser.Open(path);
  CheckQuiet(browser, path);
  const std::string text = TextOf(browser);
  CHECK(text.find("300 of 5,0") != text.npos);
  CHECK(text.find("all in sharepoint-audit export coverage") != text.npos);
}

TEST_CASE("A run that holds next to nothing has a report that says so") {
  const Tenant tenant("small");
  tenant.Summary();
  Browser browser;
  Sql(tenant.File("audit.db"), "UPDATE run SET summary_json = NULL, shard = '2/4'");
  std::string path = Written(tenant);
  browser.Open(path);
  CheckQuiet(browser, path);
  std::string text = TextOf(browser);
  CHECK(text.find("its coverage is not known") != text.npos);
  CHECK(text.find("Part 2/4 of the tenant") != text.npos);
  CHECK(text.find("This audit is partial") != text.npos);

  // A site that could not be read is none that is open to named people alone.
  CHECK(text.find("Not known: not read") != text.npos);

  Sql(tenant.File("audit.db"),
      "DELETE FROM object; DELETE FROM scope; DELETE FROM site_scope; DELETE FROM group_info;"
      "DELETE FROM principal; DELETE FROM finding; DELETE FROM gap");
  path = Written(tenant);
  browser.Open(path);
  CheckQuiet(browser, path);
  text = TextOf(browser);
  CHECK(text.find("No open findings") != text.npos);
  CHECK(text.find("No sharing links") != text.npos);
  CHECK(text.find("NaN") == text.npos);
  CHECK(text.find("undefined") == text.npos);
}

TEST_CASE("The demo leaves a report and says where") {
  const Folder folder;
  const Ended ended = Run({"demo", folder.File("out"), "--preset", "small", "-q"});
  INFO(ended.err);
  REQUIRE(ended.exit == 0);
  const std::string path = folder.File("out/report.html");
  CHECK(ended.out.find("Report          " + path) != ended.out.npos);
  CHECK(Sum(Rows(DataOf(path), "types"), "objects") > 400);
}

TEST_CASE("What cannot be reported is said and leaves what was there") {
  const Tenant tenant("small");
  CHECK(Report(tenant).exit == 2);  // No database yet.
  CHECK_FALSE(std::filesystem::exists(tenant.File("report.html")));
  tenant.Summary();
  CHECK(Report(tenant, {"--run", "nonsense"}).exit == 2);
  CHECK_FALSE(std::filesystem::exists(tenant.File("report.html")));
  Sql(tenant.File("audit.db"), "UPDATE run SET status = 'interrupted'");
  const Ended unfinished = Report(tenant, {"--run", "last"});
  CHECK(unfinished.exit == 2);
  CHECK_FALSE(std::filesystem::exists(tenant.File("report.html")));
  Sql(tenant.File("audit.db"), "UPDATE run SET status = 'complete'");
  std::filesystem::create_directory(tenant.File("taken"));
  const Ended taken =
      Run({"report", "--config", tenant.config(), "--output", tenant.File("taken")});
  CHECK(taken.exit == 2);
  CHECK(taken.out.empty());
  CHECK_FALSE(std::filesystem::exists(tenant.File("taken.new")));
  const Ended printed = Run({"report", "--config", tenant.config(), "--output", "-"});
  CHECK(printed.exit == 0);
  CHECK(printed.out.starts_with("<!doctype html>"));
}

TEST_CASE("Hostile names are text in a browser and nothing is asked for") {
  Tenant tenant("small", kCertificate, {"odd_name_rate=1", "anonymous_weight=5"});
  const std::string title = "<img src=x onerror=\"window.hurt=1\">";
  Change(tenant, {{"seed", 1}, {"changes", {{{"kind", "site.rename"}, {"title", title}}}}});
  Change(tenant,
         {{"seed", 2},
          {"changes",
           {{{"kind", "library.rename"}, {"title", "</script><script>window.hurt=2</script>"}}}}});
  tenant.Summary();
  const std::string path = Written(tenant);
  Browser browser;
  browser.Open(path);
  CheckQuiet(browser, path);
  CHECK(TextOf(browser).find(title) != std::string::npos);
  CHECK(browser.Evaluate("window.hurt").is_null());
  CheckQuiet(browser, path);

  // Every text of the database as bad as it gets.
  const std::string bad =
      "'<img src=\"http://evil.example/x.png\" onerror=window.hurt=3></script><script>window.hurt=4"
      "</script><svg onload=window.hurt=5>=cmd|'' /C calc''!A0 ' || char(8238) || '{{7*7}}'";
  Sql(tenant.File("audit.db"),
      "UPDATE object SET name = " + bad + " || oid;" +
          "UPDATE object SET url = 'javascript:window.hurt=6//' || url WHERE url IS NOT NULL;"
          "UPDATE acl_grant SET principal_name = " +
          bad + ", principal_email = " + bad + ";" + "UPDATE member SET name = " + bad +
          ", email = " + bad + ";" + "UPDATE principal SET name = " + bad + ", email = " + bad +
          ";" + "UPDATE group_info SET name = " + bad + ";" +
          "UPDATE finding SET message = " + bad + ";" + "UPDATE gap SET reason = " + bad +
          ", remedy = " + bad + ", url = " + bad + ";" + "UPDATE applied_rule SET name = " + bad +
          ", remedy = " + bad + ", reason = " + bad + ";");
  Written(tenant);
  browser.Open(path);
  CheckQuiet(browser, path);
  const std::string text = TextOf(browser);
  CHECK(text.find("<svg onload=window.hurt=5>=cmd|' /C calc'!A0") != text.npos);
  CHECK(text.find("\xE2\x80\xAE") == text.npos);  // What turns text around is shown by its number.
  CHECK(text.find("U+202E") != text.npos);
  CHECK(browser.Evaluate("window.hurt").is_null());
  CHECK(browser.Evaluate("document.querySelectorAll('main img, main script, main iframe, "
                         "[onerror], [onload]').length") == 0);
  CHECK(browser.Evaluate("[...document.querySelectorAll('a')].filter((a) => "
                         "!/^(https:|file:)/.test(a.href)).length") == 0);
  CheckQuiet(browser, path);
}

TEST_CASE("A report is drawn in light and dark and on paper and can be used with keys") {
  const Tenant tenant("small");
  tenant.Summary();
  tenant.Summary({"--full"});
  const std::string path = Written(tenant);
  Browser browser;
  for (const bool dark : {false, true}) {
    BrowserView view;
    view.dark = dark;
    browser.Open(path, view);
    INFO((dark ? "dark" : "light"));
    CheckQuiet(browser, path);
    CHECK(browser.Evaluate("document.querySelectorAll('svg.chart').length") >= 7);
    CHECK(browser.Evaluate("document.querySelectorAll('main section').length") == 8);
    // Text on what is behind it: 4.5 to 1 (WCAG 2.1, AA).
    const json faint = browser.Evaluate(R"js((() => {
      const parts = (text) => text.match(/[\d.]+/g).map(Number);
      const light = (c) => parts(c).slice(0, 3).map((v) => v / 255).map((v) =>
        v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const behind = (node) => {
        for (; node; node = node.parentElement) {
          const c = getComputedStyle(node).backgroundColor;
          if (parts(c).length === 3 || parts(c)[3] > 0.99) return c;
        }
        return 'rgb(255, 255, 255)';
      };
      const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const faint = new Set();
      for (const node of document.querySelectorAll('body *')) {
        const own = [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim() !== '');
        if (!own || node.disabled || node.closest('script, noscript, style, .tip')) continue;
        const style = getComputedStyle(node);
        let fore = style.color, back = behind(node);
        if (node.namespaceURI.endsWith('svg')) {
          fore = style.fill;
          if (node.classList.contains('on-fill')) {
            back = getComputedStyle(node.parentElement.querySelector('rect')).fill;
          }
        }
        const is = ratio(light(fore), light(back));
        if (is < 4.5) faint.add(`${node.tagName}.${node.getAttribute('class')} ${fore} ${back} ${is.toFixed(2)}`);
      }
      return [...faint];
    })())js");
    CHECK(faint == json::array());
  }
  // Headings go down step by step, every table and chart has a name, every control too.
  CHECK(browser.Evaluate(R"js((() => {
    let last = 0;
    for (const head of document.querySelectorAll('h1, h2, h3, h4')) {
      const level = Number(head.tagName[1]);
      if (level > last + 1) return head.textContent;
      last = level;
    }
    return document.querySelectorAll('h1').length;
  })())js") == 1);
  CHECK(browser.Evaluate("[...document.querySelectorAll('table')].filter((t) => !t.caption || "
                         "t.caption.textContent === '').length") == 0);
  CHECK(browser.Evaluate("[...document.querySelectorAll('svg.chart')].filter((s) => "
                         "!s.getAttribute('aria-label')).length") == 0);
  CHECK(browser.Evaluate("[...document.querySelectorAll('input')].filter((i) => "
                         "i.labels.length === 0).length") == 0);
  CHECK(browser.Evaluate(
            "['header', 'nav', 'main', 'footer'].filter((l) => "
            "document.querySelectorAll('body > ' + l + ', .columns > ' + l).length !== 1)"
            ".length") == 0);
  // The first stop skips the contents; a header sorts; a rule opens.
  browser.Press("Tab");
  CHECK(browser.Evaluate("document.activeElement.className") == "skip");
  browser.Press("Enter");
  CHECK(browser.Evaluate("document.activeElement.id") == "main");
  browser.Evaluate("document.querySelector('#sites thead th:nth-child(3) button').focus()");
  browser.Press("Enter");
  CHECK(browser.Evaluate("document.activeElement.closest('th').getAttribute('aria-sort')") ==
        "descending");
  browser.Evaluate("document.querySelector('details.rule summary').focus()");
  browser.Press("Enter");
  CHECK(browser.Evaluate("document.querySelector('details.rule').open") == true);
  browser.Evaluate("new Promise((done) => setTimeout(done, 50))");
  CHECK(browser.Evaluate("document.querySelectorAll('details.rule[open] table').length") == 1);
  CheckQuiet(browser, path);

  BrowserView paper;
  paper.print = true;
  browser.Open(path, paper);
  CHECK(browser.Evaluate("getComputedStyle(document.querySelector('nav')).display") == "none");
  CHECK(browser.Pdf().starts_with("%PDF-"));
  CheckQuiet(browser, path);
}

}  // namespace spa::testing
