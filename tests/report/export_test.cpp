// Exports: order, bytes, and text that would harm its reader.

#include "report/export.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "report/row_format.h"
#include "tests/store/store_testing.h"

using namespace spa;
using namespace spa::testing;
using Json = nlohmann::json;
using Export = Status (*)(const ExportOptions&, int);

namespace {

std::string Exported(Export what, const ExportOptions& options) {
  TempDir dir;
  const auto path = dir.File("out");
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  const Status status = what(options, fd);
  ::close(fd);
  Must(status);
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<Json> Lines(const std::string& jsonl) {
  std::vector<Json> rows;
  std::istringstream lines(jsonl);
  for (std::string line; std::getline(lines, line);) rows.push_back(Json::parse(line));
  return rows;
}

// The same tenant, found in another order when `backwards`.
std::string FillTenant(const std::string& path, bool backwards) {
  auto store = OpenStore(path);
  const RunInfo run = Must(store->BeginRun({"tenant", RunMode::kFull}));
  std::vector<std::string> sites = {"alpha", "beta", "gamma"};
  if (backwards) std::reverse(sites.begin(), sites.end());
  for (const auto& name : sites) {
    const Oid site = Must(store->PutSite(MakeSite("id-" + name, "https://t/sites/" + name)));
    std::vector grants = {UserGrant("z"), UserGrant("a", Role::kOwner),
                          UserGrant("n", Role::kNone)};
    if (backwards) std::reverse(grants.begin(), grants.end());
    std::vector<std::string> libraries = {"Docs", "Pages"};
    if (backwards) std::reverse(libraries.begin(), libraries.end());
    for (const auto& title : libraries) {
      const auto id = name + title;
      const Oid library = Must(
          store->PutDrive(site, MakeDrive("b!" + id, "https://t/sites/" + name + "/" + title)));
      std::vector items = {Root(id + "-root"), Folder(id + "-f", id + "-root", "Folder"),
                           File(id + "-a", id + "-f", "a.txt", SharedFacet::kShared),
                           File(id + "-b", id + "-f", "b \"quoted\".txt")};
      if (backwards) std::reverse(items.begin(), items.end());
      FillDrive(*store, library, items);
    }
    Must(store->PutScope(site, grants));
  }
  Must(store->FinishRun("complete", ""));
  return run.id;
}

ExportOptions From(const std::string& path) {
  ExportOptions options;
  options.db_path = path;
  return options;
}

}  // namespace

TEST_CASE("An export of permissions has the contract's fields in the contract's order") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  {
    auto store = OpenStore(path);
    Must(store->BeginRun({"tenant", RunMode::kFull}));
    const Oid site = Must(store->PutSite(MakeSite("site", "https://t/sites/s/")));
    Grant link = LinkGrant("link", "users", {"p2", "p1"});
    link.levels = {"Read", "Contribute"};
    link.link_expires_at = "2026-12-31T00:00:00Z";
    link.link_has_password = true;
    Must(store->PutScope(site, std::vector{link}));
    Must(store->FinishRun("complete", ""));
  }

  CHECK(Exported(ExportPermissions, From(path)) ==
        "{\"site_url\":\"https://t/sites/s\",\"object_type\":\"site\",\"object_id\":\"site\","
        "\"object_url\":\"https://t/sites/s\",\"inherits\":false,\"scope_object_id\":\"site\","
        "\"grant_id\":\"link\",\"principal_type\":\"link\",\"principal_id\":\"link\","
        "\"principal_name\":\"\",\"principal_login\":\"\",\"principal_email\":\"\","
        "\"role\":\"read\",\"levels\":[\"Contribute\",\"Read\"],\"link_scope\":\"users\","
        "\"link_type\":\"view\",\"link_expires_at\":\"2026-12-31T00:00:00Z\","
        "\"link_has_password\":true,\"link_people\":[\"p1\",\"p2\"],\"source\":\"graph\",\"link_"
        "invited\":[]}\n");

  auto csv = From(path);
  csv.format = ExportOptions::Format::kCsv;
  CHECK(Exported(ExportPermissions, csv) ==
        "site_url,object_type,object_id,object_url,inherits,scope_object_id,grant_id,"
        "principal_type,principal_id,principal_name,principal_login,principal_email,role,levels,"
        "link_scope,link_type,link_expires_at,link_has_password,link_people,source,link_invited\r\n"
        "https://t/sites/s,site,site,https://t/sites/s,false,site,link,link,link,,,,read,"
        "Contribute;Read,users,view,2026-12-31T00:00:00Z,true,p1;p2,graph,\r\n");
}

TEST_CASE("Two databases with the same content give the same bytes, whatever order it came in") {
  TempDir dir;
  const auto one = dir.File("one.db"), two = dir.File("two.db");
  FillTenant(one, false);
  FillTenant(two, true);

  for (const Export what : {ExportPermissions, ExportObjects, ExportCoverage}) {
    for (const bool all : {false, true}) {
      auto first = From(one), second = From(two);
      first.all = second.all = all;
      const auto text = Exported(what, first);
      CHECK(text == Exported(what, second));
      CHECK(std::count(text.begin(), text.end(), '\n') > 10);
    }
  }
}

TEST_CASE("By default scope owners are exported, with --all what inherits from them too") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  FillTenant(path, false);

  auto options = From(path);
  const auto owners = Lines(Exported(ExportPermissions, options));
  options.all = true;
  const auto all = Lines(Exported(ExportPermissions, options));

  REQUIRE(owners.size() == 3 * (2 + 2 * 2));  // Two grants of each site; its libraries, its files.
  REQUIRE(all.size() == 3 * (2 + 2 * 4));
  CHECK(owners[0]["grant_id"] == "a");
  CHECK(owners[1]["grant_id"] == "z");  // The one with role none is kept back.
  for (const auto& row : owners) CHECK(row["inherits"] == false);
  const auto& folder = all[4];
  CHECK(folder["object_id"] == "alphaDocs-b");
  CHECK(folder["inherits"] == true);
  CHECK(folder["scope_object_id"] == "alphaDocs-root");
  CHECK(folder["grant_id"] == "g-alphaDocs-root");
  CHECK(folder["site_url"] == "https://t/sites/alpha");
  CHECK(folder["object_url"] == "https://t/sites/alpha/Docs/Folder/b%20%22quoted%22.txt");
}

TEST_CASE("Objects say where they stand and whose permissions apply") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  FillTenant(path, false);

  const auto rows = Lines(Exported(ExportObjects, From(path)));

  REQUIRE(rows.size() == 3 * (1 + 2 * 4));
  CHECK(rows[0]["parent_id"] == nullptr);
  CHECK(rows[0]["scope_method"] == nullptr);
  CHECK(rows[1]["object_id"] == "alphaDocs-root");
  CHECK(rows[1]["object_type"] == "library");
  CHECK(rows[1]["size"] == nullptr);
  CHECK(rows[2]["object_id"] == "alphaDocs-a");
  CHECK(rows[2]["parent_id"] == "alphaDocs-f");
  CHECK(rows[2]["size"] == 10);
  CHECK(rows[2]["scope_object_id"] == "alphaDocs-a");
  CHECK(rows[2]["scope_method"] == "delta_hierarchy");
}

TEST_CASE("Coverage lists every object, then the gaps that are about none") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  {
    auto store = OpenStore(path);
    Must(store->BeginRun({"tenant", RunMode::kFull}));
    const Oid site = Must(store->PutSite(MakeSite("site", "https://t/s")));
    Gap gap;
    gap.oid = site;
    gap.url = "https://t/s";
    gap.state = CoverageState::kDenied;
    gap.reason = "403";
    gap.remedy = "consent";
    Must(store->PutGap(gap));
    gap.oid.reset();
    gap.url = "group:g";
    gap.state = CoverageState::kMembersHidden;
    Must(store->PutGap(gap));
    Must(store->FinishRun("partial", ""));
  }

  const auto rows = Lines(Exported(ExportCoverage, From(path)));

  REQUIRE(rows.size() == 2);
  CHECK(rows[0] == Json{{"object_type", "site"},
                        {"object_id", "site"},
                        {"object_url", "https://t/s"},
                        {"state", "denied"},
                        {"reason", "403"},
                        {"remedy", "consent"}});
  CHECK(rows[1]["object_type"] == nullptr);
  CHECK(rows[1]["object_url"] == "group:g");
  CHECK(rows[1]["state"] == "members_hidden");
}

TEST_CASE("An older run is exported as it was") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  const auto first = FillTenant(path, false);
  {
    auto store = OpenStore(path);
    Must(store->BeginRun({"tenant", RunMode::kFull}));
    const Oid site = Must(store->PutSite(MakeSite("id-alpha", "https://t/sites/renamed")));
    Must(store->PutListed(site));
    Must(store->FinishRun("complete", ""));
  }

  auto options = From(path);
  CHECK(Lines(Exported(ExportObjects, options)).size() == 1);
  options.run_id = first;
  const auto rows = Lines(Exported(ExportObjects, options));

  CHECK(rows.size() == 27);
  CHECK(rows[0]["object_url"] == "https://t/sites/alpha");
}

TEST_CASE("An export can be made while a run writes, and shows the finished one") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  FillTenant(path, false);
  const auto before = Exported(ExportPermissions, From(path));
  auto store = OpenStore(path);
  Must(store->BeginRun({"tenant", RunMode::kFull}));
  Must(store->PutSite(MakeSite("new", "https://t/sites/new")));

  CHECK(Exported(ExportPermissions, From(path)) == before);
}

TEST_CASE("A JSON export is one list, also an empty one") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  FillTenant(path, false);
  auto options = From(path);
  options.format = ExportOptions::Format::kJson;
  CHECK(Json::parse(Exported(ExportObjects, options)).size() == 27);
  {
    auto store = OpenStore(dir.File("empty.db"));
    Must(store->BeginRun({"tenant", RunMode::kFull}));
    Must(store->FinishRun("complete", ""));
  }
  options.db_path = dir.File("empty.db");
  CHECK(Json::parse(Exported(ExportObjects, options)).empty());
}

TEST_CASE("A reader that goes away is no error, a full disk is") {
  ::signal(SIGPIPE, SIG_IGN);
  TempDir dir;
  const auto path = dir.File("audit.db");
  FillTenant(path, false);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[0]);

  Must(ExportObjects(From(path), ends[1]));

  ::close(ends[1]);
  const int full = ::open("/dev/full", O_WRONLY);
  const auto failed = ExportObjects(From(path), full);
  ::close(full);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == ErrorCode::kStorage);
}

TEST_CASE("An export of a run or a file that is not there says so") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  FillTenant(path, false);
  auto options = From(path);
  options.run_id = "none";
  CHECK(ExportObjects(options, 1).error().code == ErrorCode::kUsage);
  CHECK(ExportObjects(From(dir.File("none.db")), 1).error().code == ErrorCode::kUsage);
}

TEST_CASE("CSV cells are quoted as RFC 4180 says and never begin a formula") {
  const auto cell = [](std::string_view text) {
    std::string out;
    AppendCsvCell(out, text);
    return out;
  };

  CHECK(cell("plain") == "plain");
  CHECK(cell("a,b") == "\"a,b\"");
  CHECK(cell("say \"x\"") == "\"say \"\"x\"\"\"");
  CHECK(cell("two\r\nlines") == "\"two\r\nlines\"");
  CHECK(cell("=HYPERLINK(\"http://x\")") == "\"'=HYPERLINK(\"\"http://x\"\")\"");
  for (const std::string begin : {"=", "+", "-", "@", "\t"}) {
    CHECK(cell(begin + "1") == "'" + begin + "1");
  }
  CHECK(cell("\r1") == "\"'\r1\"");
  CHECK(cell("1-1") == "1-1");
  CHECK(cell("bad\xFFname") == "bad\xEF\xBF\xBDname");
}

TEST_CASE("JSON text escapes controls and replaces what is no UTF-8") {
  const auto text = [](std::string_view raw) {
    std::string out;
    AppendJsonString(out, raw);
    return out;
  };
  const std::string replaced = "\"\xEF\xBF\xBD\"";

  CHECK(text("a\"b\\c\n\x01\x7F") == "\"a\\\"b\\\\c\\n\\u0001\\u007f\"");
  CHECK(text(std::string_view("\0", 1)) == "\"\\u0000\"");
  CHECK(text("é – 漢 😀") == "\"é – 漢 😀\"");
  CHECK(text("\x80") == replaced);
  CHECK(text("\xC3") == replaced);  // cut short
  CHECK(Json::parse(text("\xC0\xAF")).get<std::string>() ==
        "\xEF\xBF\xBD\xEF\xBF\xBD");  // overlong
  for (const std::string raw :
       {"\xED\xA0\x80", "\xF4\x90\x80\x80", "x\xE2\x82", "\xF0\x80\x80\x80"}) {
    CHECK_NOTHROW(Json::parse(text(raw)));
  }
}

TEST_CASE("CSV for Excel begins with a byte order mark") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  FillTenant(path, false);
  auto options = From(path);
  options.format = ExportOptions::Format::kCsv;
  CHECK(Exported(ExportObjects, options).starts_with("object_type,"));
  options.excel = true;
  CHECK(Exported(ExportObjects, options).starts_with("\xEF\xBB\xBFobject_type,"));
}

TEST_CASE("A tenant's broken and hostile names come out harmless") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  {
    auto store = OpenStore(path);
    Must(store->BeginRun({"tenant", RunMode::kFull}));
    Site site = MakeSite("site", "https://t/s");
    site.name = "=cmd|' /C calc'!A1";
    const Oid oid = Must(store->PutSite(site));
    Grant grant = UserGrant("g");
    grant.principal_name = "x\xC3\x28\x1B[31m";
    grant.levels = {"\xFF"};
    Must(store->PutScope(oid, std::vector{grant}));
    Must(store->FinishRun("complete", ""));
  }
  auto options = From(path);

  const auto row = Lines(Exported(ExportPermissions, options)).at(0);
  CHECK(row["principal_name"] == "x\xEF\xBF\xBD(\x1B[31m");
  CHECK(row["levels"] == Json{"\xEF\xBF\xBD"});
  options.format = ExportOptions::Format::kCsv;
  CHECK(Exported(ExportObjects, options).find(",'=cmd|' /C calc'!A1,") != std::string::npos);
}
