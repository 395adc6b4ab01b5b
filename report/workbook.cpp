#include "report/workbook.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/log/log.h"
#include "core/store/run_reader.h"
#include "report/findings_export.h"
#include "report/object_walk.h"

namespace spa {
namespace {

constexpr int kSeverities = 5;

// What stood in run ?2, of the rows called s.
#define SPA_STOOD "s.from_run <= ?2 AND (s.to_run IS NULL OR s.to_run > ?2)"
#define SPA_GRANTS                                                                            \
  "SELECT g.principal_type, g.principal_name, g.principal_login, g.principal_email, g.role, " \
  "g.levels, g.source, g.link_scope, g.link_type, g.link_expires_at, g.link_has_password, "   \
  "json_array_length(g.link_people) + json_array_length(g.link_invited), g.principal_id "

constexpr char kGrants[] =
    SPA_GRANTS "FROM scope s JOIN acl_grant g ON g.acl = s.acl WHERE s.oid = ?1 AND " SPA_STOOD
               " AND g.role <> 'none' ORDER BY g.ord";
constexpr char kSiteGrants[] =
    SPA_GRANTS "FROM site_scope s JOIN acl_grant g ON g.acl = s.acl WHERE s.oid = ?1 AND " SPA_STOOD
               " AND g.role <> 'none' ORDER BY s.source DESC, g.ord";
// The site of each finding's object, of run ?1.
constexpr char kFindingSites[] = R"sql(
  SELECT CASE s.type WHEN 0 THEN s.oid WHEN 1 THEN s.container WHEN 4 THEN s.container
              ELSE (SELECT e.container FROM entity e WHERE e.oid = s.container) END AS site,
         f.severity, count(*)
  FROM finding f JOIN object s ON s.oid = f.oid AND s.from_run <= ?1
    AND (s.to_run IS NULL OR s.to_run > ?1)
  WHERE f.run = ?1 GROUP BY 1, 2)sql";

std::string Joined(std::string_view json) {
  std::string joined;
  if (json.size() <= 2) return joined;
  for (const auto& text : nlohmann::json::parse(json, nullptr, false)) {
    if (!text.is_string()) continue;
    joined += (joined.empty() ? "" : ";") + text.get<std::string>();
  }
  return joined;
}

struct SiteFigures {
  SiteFigures() = default;
  std::string url, name;
  Oid oid = 0;
  bool own = false;
  std::int64_t libraries = 0, lists = 0, items = 0, bytes = 0, scopes = 0;
  std::int64_t anonymous = 0, organization = 0, people = 0, guests = 0;
};

class Book {
 public:
  Book(sqlite::Database& db, const RunInfo& run, SheetLimits limits)
      : db_(db),
        run_(run),
        file_(run.started_at, limits),
        walk_(db, run.number),
        grants_(db, kGrants),
        site_grants_(db, kSiteGrants) {
    summary_ = file_.AddSheet("summary", {"name", "message"});
    sites_ = file_.AddSheet(
        "sites", {"site_url", "name", "own_permissions", "libraries", "lists", "items", "bytes",
                  "permission_scopes", "anonymous_links", "organization_links", "people_links",
                  "guests_named", "critical", "high", "medium", "low", "info"});
    permissions_ = file_.AddSheet(
        "permissions", {"site_url", "object_type", "object_url", "principal_type", "principal_name",
                        "principal_login", "principal_email", "role", "levels", "source"});
    links_ =
        file_.AddSheet("links", {"site_url", "object_type", "object_url", "link_scope", "link_type",
                                 "role", "expires_at", "has_password", "people", "link_id"});
    guests_ = file_.AddSheet(
        "guests", {"name", "login", "email", "domain", "blocked_by", "scopes_reached", "user_id"});
    findings_ = file_.AddSheet(
        "findings", {"severity", "rule", "name", "object_type", "object_url", "message", "remedy",
                     "state", "first_seen", "finding_id", "decision", "owner", "due", "comment"});
  }

  Status Write(const OpenGuests& open, int fd) {
    CountFindings();
    Objects();
    open(db_, run_.number)([&](const ListedGuest& guest) {
      for (const std::string_view text : {guest.name, guest.login, guest.mail,
                                          std::string_view(guest.domain), guest.blocked_by}) {
        file_.Text(guests_, text);
      }
      file_.Number(guests_, static_cast<double>(guest.scopes));
      file_.Text(guests_, guest.id);
      file_.EndRow(guests_);
      return file_.ok();
    });
    Findings();
    if (auto read = db_.Check("exporting from the audit database"); !read) return read;
    WriteRunFacts(file_, summary_, run_);
    WriteSheetFacts(file_, summary_);
    return file_.Write(fd);
  }

 private:
  void CountFindings() {
    sqlite::Statement rows(db_, kFindingSites);
    rows.Bind(run_.number);
    while (rows.Step()) {
      const auto severity = SeverityNamed(rows.Text(1));
      if (severity) found_[rows.Int(0)][static_cast<std::size_t>(*severity)] += rows.Int(2);
    }
  }

  void Objects() {
    walk_.Run(/*owners_only=*/false, [&](const WalkedObject& object) {
      if (object.type == ObjectType::kSite) {
        EndSite();
        site_ = SiteFigures();
        site_.oid = object.oid;
        site_.url = object.url;
        site_.name = object.name;
        site_.own = object.owner == object.oid;
      } else if (object.type == ObjectType::kLibrary) {
        ++site_.libraries;
      } else if (object.type == ObjectType::kList) {
        ++site_.lists;
      } else {
        ++site_.items;
        site_.bytes += object.size.value_or(0);
      }
      if (object.owner == object.oid) {
        ++site_.scopes;
        Grants(object, grants_);
      }
      if (object.type == ObjectType::kSite && object.parent == 0) Grants(object, site_grants_);
      return file_.ok();
    });
    EndSite();
  }

  void Grants(const WalkedObject& object, sqlite::Statement& rows) {
    rows.Bind(object.oid, run_.number);
    while (rows.Step()) {
      const bool link = rows.Text(0) == "link";
      const std::size_t sheet = link ? links_ : permissions_;
      for (const std::string_view text :
           {std::string_view(site_.url), Name(object.type), object.url}) {
        file_.Text(sheet, text);
      }
      if (link) {
        const std::string_view scope = rows.Text(7);
        ++(scope == "anonymous"      ? site_.anonymous
           : scope == "organization" ? site_.organization
                                     : site_.people);
        for (const int column : {7, 8, 4, 9}) file_.Text(sheet, rows.Text(column));
        rows.IsNull(10) ? file_.Blank(sheet) : file_.Bool(sheet, rows.Int(10) != 0);
        file_.Number(sheet, static_cast<double>(rows.Int(11)));
        file_.Text(sheet, rows.Text(12));
      } else {
        if (rows.Text(0) == "guest") ++site_.guests;
        for (const int column : {0, 1, 2, 3, 4}) file_.Text(sheet, rows.Text(column));
        file_.Text(sheet, Joined(rows.Text(5)));
        file_.Text(sheet, rows.Text(6));
      }
      file_.EndRow(sheet);
    }
    rows.Reset();
  }

  void EndSite() {
    if (site_.oid == 0) return;
    file_.Text(sites_, site_.url);
    file_.Text(sites_, site_.name);
    file_.Bool(sites_, site_.own);
    for (const std::int64_t number :
         {site_.libraries, site_.lists, site_.items, site_.bytes, site_.scopes, site_.anonymous,
          site_.organization, site_.people, site_.guests}) {
      file_.Number(sites_, static_cast<double>(number));
    }
    const auto found = found_.find(site_.oid);
    for (int severity = kSeverities - 1; severity >= 0; --severity) {
      file_.Number(sites_,
                   found == found_.end()
                       ? 0
                       : static_cast<double>(found->second[static_cast<std::size_t>(severity)]));
    }
    file_.EndRow(sites_);
  }

  void Findings() {
    EachFinding(db_, run_.number, FindingFilter(), [&](const ListedFinding& finding) {
      for (const std::string_view text :
           {finding.severity, finding.rule, finding.name, finding.object_type,
            std::string_view(finding.object_url), finding.message, finding.remedy, finding.state,
            finding.first_seen, finding.id}) {
        file_.Text(findings_, text);
      }
      // What was accepted stands in the plan already.
      file_.Text(findings_, finding.accepted_reason.empty() ? "" : "accepted");
      file_.Text(findings_, finding.accepted_by);
      file_.Text(findings_, finding.accepted_until);
      file_.Text(findings_, finding.accepted_reason);
      file_.EndRow(findings_);
      return file_.ok();
    });
  }

  sqlite::Database& db_;
  RunInfo run_;
  WorkbookFile file_;
  ObjectWalk walk_;
  sqlite::Statement grants_, site_grants_;
  std::size_t summary_, sites_, permissions_, links_, guests_, findings_;
  SiteFigures site_;
  std::unordered_map<Oid, std::array<std::int64_t, kSeverities>> found_;
};

}  // namespace

void WriteRunFacts(WorkbookFile& book, std::size_t sheet, const RunInfo& run) {
  const auto put = [&](std::string_view name, std::string_view text) {
    book.Text(sheet, name);
    book.Text(sheet, text);
    book.EndRow(sheet);
  };
  put("run", run.id);
  put("tenant", run.tenant_id);
  put("status", run.status);
  put("mode", run.mode);
  put("started", run.started_at);
  put("finished", run.finished_at);
  const auto summary = nlohmann::ordered_json::parse(run.summary_json, nullptr, false);
  for (const char* group : {"objects", "scopes", "grants", "findings", "coverage"}) {
    if (!summary.is_object() || !summary.contains(group)) continue;
    for (const auto& [name, value] : summary[group].items()) {
      if (!value.is_number()) continue;
      book.Text(sheet, fmt::format("{}: {}", group, name));
      book.Number(sheet, value.get<double>());
      book.EndRow(sheet);
    }
  }
  if (run.status == "partial") {
    put("note", "Not everything could be read: see `export coverage`.");
  }
}

void WriteSheetFacts(WorkbookFile& book, std::size_t sheet) {
  for (std::size_t i = 0; i < book.size(); ++i) {
    if (i == sheet) continue;
    book.Text(sheet, fmt::format("rows of {}", book.At(i).name));
    book.Number(sheet, static_cast<double>(book.At(i).rows));
    book.EndRow(sheet);
  }
  for (const std::string& note : book.Notes()) {
    log::Warn(note);
    book.Text(sheet, "note");
    book.Text(sheet, note);
    book.EndRow(sheet);
  }
}

Status ExportWorkbook(const ExportOptions& options, const OpenGuests& open, int fd) {
  const auto opened = OpenRun(options.db_path, options.run_id, kExportPragmas);
  if (!opened) return Fail(opened.error());
  return Book(*opened->db, opened->info, options.limits).Write(open, fd);
}

}  // namespace spa
