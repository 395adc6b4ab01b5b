#include "report/export.h"

#include <algorithm>

#include "report/exporter.h"

namespace spa {
namespace {

enum GrantColumns : std::size_t { kGrantId = 6 };

#define SPA_GRANT_COLUMNS                                                                      \
  "SELECT g.grant_id, g.principal_type, g.principal_id, g.principal_name, g.principal_login, " \
  "g.principal_email, g.role, g.levels, g.link_scope, g.link_type, g.link_expires_at, "        \
  "g.link_has_password, g.link_people, g.source, g.link_invited "

// The grants of scope owners as ready-made cells. What many objects share is made once; a slot
// forgets when another owner needs it, and one with very many grants is not kept.
class GrantCells {
 public:
  explicit GrantCells(Exporter& exporter)
      : format_(exporter.format()),
        run_(exporter.run()),
        rows_(exporter.db(), SPA_GRANT_COLUMNS R"sql(
          FROM scope s JOIN acl_grant g ON g.acl = s.acl
          WHERE s.oid = ?1 AND s.from_run <= ?2 AND (s.to_run IS NULL OR s.to_run > ?2)
            AND g.role <> 'none' ORDER BY g.ord)sql"),
        site_rows_(exporter.db(), SPA_GRANT_COLUMNS R"sql(
          FROM site_scope s JOIN acl_grant g ON g.acl = s.acl
          WHERE s.oid = ?1 AND s.from_run <= ?2 AND (s.to_run IS NULL OR s.to_run > ?2)
            AND g.role <> 'none' ORDER BY s.source DESC, g.ord)sql"),
        slots_(kSlots) {}

  const std::vector<std::string>& Of(Oid owner) {
    Slot& slot = slots_[static_cast<std::size_t>(owner) % kSlots];
    if (slot.owner == owner) return slot.cells;
    slot.owner = owner;
    std::size_t bytes = Read(rows_, owner, slot.cells);
    if (bytes <= kKeptBytes) return slot.cells;
    large_ = std::move(slot.cells);
    slot = Slot();
    return large_;
  }

  // What holds for the whole collection of which `site` is the topmost one.
  const std::vector<std::string>& OfCollection(Oid site) {
    Read(site_rows_, site, large_);
    return large_;
  }

 private:
  static constexpr std::size_t kSlots = 1024, kKeptBytes = 16 * 1024;
  struct Slot {
    Oid owner = 0;
    std::vector<std::string> cells;
  };

  std::size_t Read(sqlite::Statement& rows, Oid owner, std::vector<std::string>& cells) {
    cells.clear();
    std::size_t bytes = 0;
    rows.Bind(owner, run_);
    while (rows.Step()) {
      std::string cell;
      std::size_t column = kGrantId;
      int at = 0;
      const auto text = [&] { format_.Text(cell, column++, rows.Text(at++)); };
      const auto text_or_null = [&] {
        format_.TextOrNull(cell, column++,
                           rows.IsNull(at) ? std::nullopt : std::optional(rows.Text(at)));
        ++at;
      };
      for (int i = 0; i < 7; ++i) text();  // grant_id to role
      format_.List(cell, column++, rows.Text(at++));
      for (int i = 0; i < 3; ++i) text_or_null();  // link_scope to link_expires_at
      format_.Bool(cell, column++,
                   rows.IsNull(at) ? std::nullopt : std::optional(rows.Int(at) != 0));
      ++at;
      format_.List(cell, column++, rows.Text(at++));
      text();                                         // source
      format_.List(cell, column++, rows.Text(at++));  // link_invited
      bytes += cell.size();
      cells.push_back(std::move(cell));
    }
    rows.Reset();
    return bytes;
  }

  const RowFormat& format_;
  RunNo run_;
  sqlite::Statement rows_, site_rows_;
  std::vector<Slot> slots_;
  std::vector<std::string> large_;
};

}  // namespace

Status ExportPermissions(const ExportOptions& options, int fd) {
  auto opened = Exporter::Open(options, {"site_url",       "object_type",     "object_id",
                                         "object_url",     "inherits",        "scope_object_id",
                                         "grant_id",       "principal_type",  "principal_id",
                                         "principal_name", "principal_login", "principal_email",
                                         "role",           "levels",          "link_scope",
                                         "link_type",      "link_expires_at", "link_has_password",
                                         "link_people",    "source",          "link_invited"},
                               fd);
  if (!opened) return Fail(opened.error());
  Exporter& exporter = **opened;
  GrantCells grants(exporter);
  const RowFormat& format = exporter.format();
  std::string object_cells;
  exporter.walk().Run(!options.all, [&](const WalkedObject& object) {
    const bool inherits = object.owner != object.oid;
    if (inherits && !options.all) return true;
    const auto write = [&](const std::vector<std::string>& rows, Oid owner) {
      if (rows.empty()) return;
      object_cells.clear();
      format.Text(object_cells, 0, object.site_url);
      format.Text(object_cells, 1, Name(object.type));
      format.Text(object_cells, 2, object.id);
      format.Text(object_cells, 3, object.url);
      format.Bool(object_cells, 4, owner != object.oid);
      format.Text(object_cells, 5, exporter.walk().IdOf(owner));
      for (const std::string& cells : rows) {
        std::string& out = exporter.BeginRow();
        out += object_cells;
        out += cells;
        exporter.EndRow();
      }
    };
    write(grants.Of(object.owner), object.owner);
    if (object.type == ObjectType::kSite && object.parent == 0) {
      write(grants.OfCollection(object.oid), object.oid);
    }
    return !exporter.stopped();
  });
  return exporter.Finish();
}

Status ExportObjects(const ExportOptions& options, int fd) {
  auto opened =
      Exporter::Open(options,
                     {"object_type", "object_id", "object_url", "site_url", "name", "parent_id",
                      "size", "modified_at", "inherits", "scope_object_id", "scope_method"},
                     fd);
  if (!opened) return Fail(opened.error());
  Exporter& exporter = **opened;
  const RowFormat& format = exporter.format();
  const auto or_null = [](std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(text);
  };
  exporter.walk().Run(false, [&](const WalkedObject& object) {
    std::string& out = exporter.BeginRow();
    format.Text(out, 0, Name(object.type));
    format.Text(out, 1, object.id);
    format.Text(out, 2, object.url);
    format.Text(out, 3, object.site_url);
    format.Text(out, 4, object.name);
    format.TextOrNull(out, 5, or_null(exporter.walk().IdOf(object.parent)));
    format.Int(out, 6, object.size);
    format.TextOrNull(out, 7, or_null(object.modified));
    format.Bool(out, 8, object.owner != object.oid);
    format.Text(out, 9, exporter.walk().IdOf(object.owner));
    format.TextOrNull(out, 10, or_null(object.method));
    exporter.EndRow();
    return !exporter.stopped();
  });
  return exporter.Finish();
}

Status ExportCoverage(const ExportOptions& options, int fd) {
  auto opened = Exporter::Open(
      options, {"object_type", "object_id", "object_url", "state", "reason", "remedy"}, fd);
  if (!opened) return Fail(opened.error());
  Exporter& exporter = **opened;
  const RowFormat& format = exporter.format();
  exporter.walk().Run(false, [&](const WalkedObject& object) {
    const ObjectState& state = exporter.walk().coverage().StateOf(object.oid, object.scope);
    std::string& out = exporter.BeginRow();
    format.Text(out, 0, Name(object.type));
    format.Text(out, 1, object.id);
    format.Text(out, 2, object.url);
    format.Text(out, 3, Name(state.state));
    format.Text(out, 4, state.reason);
    format.Text(out, 5, state.remedy);
    exporter.EndRow();
    return !exporter.stopped();
  });
  sqlite::Statement gaps(exporter.db(),
                         "SELECT url, state, reason, remedy FROM gap WHERE run = ? AND oid IS NULL "
                         "ORDER BY url, state, reason, remedy");
  gaps.Bind(exporter.run());
  while (!exporter.stopped() && gaps.Step()) {
    std::string& out = exporter.BeginRow();
    format.TextOrNull(out, 0, std::nullopt);
    format.TextOrNull(out, 1, std::nullopt);
    for (int i = 0; i < 4; ++i) format.Text(out, static_cast<std::size_t>(i + 2), gaps.Text(i));
    exporter.EndRow();
  }
  return exporter.Finish();
}

}  // namespace spa
