#include "report/access_export.h"

#include "report/exporter.h"

namespace spa {
namespace {

std::optional<std::string_view> OrNull(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

std::string JsonList(const std::vector<std::string>& texts) {
  std::string json = "[";
  for (const std::string& text : texts) {
    if (json.size() > 1) json += ',';
    AppendJsonString(json, text);
  }
  return json + ']';
}

void AppendJsonPaths(std::string& out, const Reach& reach) {
  out += '[';
  for (std::size_t i = 0; i < reach.paths(); ++i) {
    out += i == 0 ? "[" : ",[";
    bool first = true;
    for (const Hop& hop : reach.Path(i)) {
      out += first ? "{\"kind\":\"" : ",{\"kind\":\"";
      first = false;
      out += hop.kind;
      out += "\",\"id\":";
      AppendJsonString(out, hop.id);
      out += ",\"name\":";
      AppendJsonString(out, hop.name);
      out += '}';
    }
    out += ']';
  }
  out += ']';
}

void AppendTextPaths(std::string& out, const Reach& reach) {
  for (std::size_t i = 0; i < reach.paths(); ++i) {
    if (i > 0) out += ';';
    bool first = true;
    for (const Hop& hop : reach.Path(i)) {
      if (!first) out += " > ";
      first = false;
      out += hop.kind;
      if (hop.id.empty()) continue;
      out += ':';
      out += hop.id;
    }
  }
}

}  // namespace

Status ExportAccess(const ExportOptions& options, const OpenAccess& open, int fd) {
  auto opened = Exporter::Open(
      options,
      {"object_type", "object_id", "object_url", "audience", "user_id", "user_principal_name",
       "user_type", "role", "needs_link", "blocked_by", "paths", "bound", "more_paths"},
      fd);
  if (!opened) return Fail(opened.error());
  Exporter& exporter = **opened;
  const RowFormat& format = exporter.format();
  const bool json = options.format == ExportOptions::Format::kJson ||
                    options.format == ExportOptions::Format::kJsonl;
  const ReachesOf reaches = open(exporter.db(), exporter.run());
  std::string object_cells, paths;
  exporter.walk().Run(/*owners_only=*/true, [&](const WalkedObject& object) {
    if (object.owner != object.oid) return true;
    object_cells.clear();
    format.Text(object_cells, 0, Name(object.type));
    format.Text(object_cells, 1, object.id);
    format.Text(object_cells, 2, object.url);
    reaches(object.oid, [&](const Reach& reach) {
      if (reach.audience == Audience::kApplication) return true;  // Neither person nor audience.
      std::string& out = exporter.BeginRow();
      out += object_cells;
      format.Text(out, 3, Name(reach.audience));
      format.TextOrNull(out, 4, OrNull(reach.user_id));
      format.TextOrNull(out, 5, OrNull(reach.user_principal_name));
      format.TextOrNull(out, 6, OrNull(reach.user_type));
      format.Text(out, 7, Name(reach.role));
      format.Bool(out, 8, reach.needs_link);
      format.TextOrNull(out, 9, OrNull(reach.blocked_by));
      paths.clear();
      if (json) {
        AppendJsonPaths(paths, reach);
        format.List(out, 10, paths);
      } else {
        AppendTextPaths(paths, reach);
        format.Text(out, 10, paths);
      }
      format.Text(out, 11, Name(reach.bound));
      format.Bool(out, 12, reach.more_paths);
      exporter.EndRow();
      return !exporter.stopped();
    });
    return !exporter.stopped();
  });
  return exporter.Finish();
}

Status ExportGroups(const ExportOptions& options, const OpenGroups& open, int fd) {
  auto opened = Exporter::Open(options,
                               {"group_kind", "group_id", "group_name", "site_id", "link_id",
                                "state", "members", "member_of", "granted_on"},
                               fd);
  if (!opened) return Fail(opened.error());
  Exporter& exporter = **opened;
  const RowFormat& format = exporter.format();
  const EachGroup each = open(exporter.db(), exporter.run());
  each([&](const ExportedGroup& group) {
    std::string& out = exporter.BeginRow();
    format.Text(out, 0, group.kind);
    format.Text(out, 1, group.id);
    format.TextOrNull(out, 2, OrNull(group.name));
    format.TextOrNull(out, 3, OrNull(group.site_id));
    format.TextOrNull(out, 4, OrNull(group.link_id));
    format.Text(out, 5, group.state);
    format.List(out, 6, JsonList(group.members));
    format.List(out, 7, JsonList(group.member_of));
    format.List(out, 8, JsonList(group.granted_on));
    exporter.EndRow();
    return !exporter.stopped();
  });
  return exporter.Finish();
}

}  // namespace spa
