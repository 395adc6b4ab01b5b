// export … --format xlsx and the workbook of the built program.
#include <fmt/format.h>

#include <map>

#include "tests/report/xlsx_reader.h"
#include "tests/system/tenant.h"

namespace spa::testing {

using nlohmann::json;

TEST_CASE("The rows of a workbook are those of the CSV export") {
  const Tenant tenant("small", kCertificate, {"odd_name_rate=0.9", "users_weight=1"});
  tenant.Summary();
  for (const std::string what :
       {"permissions", "access", "objects", "groups", "findings", "coverage"}) {
    INFO(what);
    const Cells csv = ReadCsv(ReadText(tenant.Export(what, {"--format", "csv"})));
    const std::string path = tenant.Export(what, {"--format", "xlsx"});
    const std::string bytes = ReadText(path);
    const Xlsx read(bytes);

    Cells rows = read.Rows(what);

    REQUIRE(csv.size() > 2);
    CHECK(read.sheets() == std::vector<std::string>{what, "summary"});
    REQUIRE(rows.size() == csv.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].resize(csv[i].size());  // Empty cells at the end are not written.
      INFO("row " << i);
      REQUIRE(rows[i] == csv[i]);
    }
    CHECK((ReadText(tenant.Export(what, {"--format", "xlsx"})) == bytes));
    std::map<std::string, std::string> summary;
    for (auto row : read.Rows("summary")) {
      row.resize(2);
      summary[row[0]] = row[1];
    }
    CHECK(summary.at("rows of " + what) == std::to_string(rows.size() - 1));
  }
}

TEST_CASE("The workbook has every site, grant, link, guest and finding, and a plan to fill in") {
  const Tenant tenant("demo");
  tenant.Summary();
  const auto permissions = ParseLines(ReadText(tenant.Export("permissions")));
  const auto findings = ParseLines(ReadText(tenant.Export("findings")));
  const auto objects = ParseLines(ReadText(tenant.Export("objects")));
  std::size_t links = 0, sites = 0;
  for (const json& row : permissions) links += row.at("principal_type") == "link" ? 1 : 0;
  for (const json& row : objects) sites += row.at("object_type") == "site" ? 1 : 0;
  std::set<std::string> guests;
  for (const json& row : ParseLines(ReadText(tenant.Export("access")))) {
    if (row.at("user_type") == "guest") guests.insert(row.at("user_principal_name").dump());
  }

  const Xlsx book(ReadText(tenant.Export("workbook", {"--format", "xlsx"})));

  CHECK(book.sheets() ==
        std::vector<std::string>{"summary", "sites", "permissions", "links", "guests", "findings"});
  CHECK(book.Rows("sites").size() == sites + 1);
  CHECK(book.Rows("links").size() == links + 1);
  CHECK(book.Rows("permissions").size() == permissions.size() - links + 1);
  CHECK(book.Rows("findings").size() == findings.size() + 1);
  CHECK(book.Rows("guests").size() >= guests.size() + 1);
  const auto heading = book.Rows("findings").at(0);
  CHECK(std::vector<std::string>(heading.end() - 4, heading.end()) ==
        std::vector<std::string>{"decision", "owner", "due", "comment"});
  std::size_t items = 0, scopes = 0, found = 0;
  for (std::size_t i = 1; i <= sites; ++i) {
    const auto row = book.Rows("sites").at(i);
    items += std::stoul(row.at(5));
    scopes += std::stoul(row.at(7));
    for (std::size_t severity = 12; severity < 17; ++severity)
      found += std::stoul(row.at(severity));
  }
  std::size_t true_items = 0, true_scopes = 0, with_object = 0;
  for (const json& row : objects) {
    const std::string type = row.at("object_type");
    true_items += type == "file" || type == "folder" || type == "list_item" ? 1 : 0;
    true_scopes += row.at("inherits") == false ? 1 : 0;
  }
  for (const json& row : findings) with_object += row.at("object_id").is_null() ? 0 : 1;
  CHECK(items == true_items);
  CHECK(scopes == true_scopes);
  CHECK(found == with_object);
  bool partial = false;
  for (const auto& row : book.Rows("summary")) partial = partial || row.at(0) == "note";
  CHECK(partial);
}

TEST_CASE("A workbook is asked for in its one form and never sent to nobody") {
  const Tenant tenant("small");
  tenant.Summary();
  const Ended plain = Run({"export", "workbook", "--config", tenant.config()});
  CHECK(plain.exit == 2);
  CHECK(plain.err.find("--format xlsx") != std::string::npos);
  CHECK(plain.out.empty());
  // A file that cannot be replaced stays as it was.
  const std::string path = tenant.File("kept.xlsx");
  WriteText(path, "before");
  Surroundings nowhere;
  nowhere.environment = {"TMPDIR=" + tenant.File("nothing-here")};
  const Ended failed =
      Run({"export", "workbook", "--format", "xlsx", "--output", path, "--config", tenant.config()},
          nowhere);
  CHECK(failed.exit == 1);
  CHECK(ReadText(path) == "before");
  const Ended piped = Run({"export", "objects", "--format", "xlsx", "--config", tenant.config()});
  CHECK(piped.exit == 0);
  CHECK(Xlsx(piped.out).Rows("objects").size() > 100);
}

}  // namespace spa::testing
