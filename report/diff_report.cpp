#include "report/diff_report.h"

#include <fmt/format.h>

#include <algorithm>

namespace spa {
namespace {

const std::vector<std::string_view>& Columns() {
  static const std::vector<std::string_view> columns = {"change",       "object_type",
                                                        "object_id",    "object_name",
                                                        "object_url",   "principal_kind",
                                                        "principal_id", "principal_name",
                                                        "before",       "after",
                                                        "via",          "detail",
                                                        "finding_id",   "rule"};
  return columns;
}

std::array<std::string_view, 14> CellsOf(const RunChange& c) {
  return {Name(c.kind),   c.object_type,
          c.object_id,    c.object_name,
          c.object_url,   c.principal_kind,
          c.principal_id, c.principal_name,
          c.before,       c.after,
          c.via,          c.detail,
          c.finding_id,   c.rule};
}

ExportOptions AsExport(DiffReport::Format format) {
  ExportOptions options;
  options.format = format == DiffReport::Format::kCsv ? ExportOptions::Format::kCsv
                                                      : ExportOptions::Format::kJson;
  return options;
}

std::string RunJson(const RunInfo& run) {
  std::string json = "{";
  for (const auto& [name, text] : {std::pair<const char*, const std::string*>{"run_id", &run.id},
                                   {"started_at", &run.started_at},
                                   {"finished_at", &run.finished_at},
                                   {"status", &run.status},
                                   {"mode", &run.mode}}) {
    json += fmt::format("{}\"{}\":", json.size() > 1 ? "," : "", name);
    AppendJsonString(json, *text);
  }
  return json + "}";
}

std::string LinesJson(const std::vector<DiffTally::Line>& lines, std::string_view type) {
  std::string json = "[";
  for (const auto& line : lines) {
    json += fmt::format("{}{{\"{}\":", json.size() > 1 ? ",\n" : "\n", type);
    AppendJsonString(json, line.kind);
    json += ",\"id\":";
    AppendJsonString(json, line.id);
    json += ",\"name\":";
    AppendJsonString(json, line.name);
    json += fmt::format(",\"gained\":{},\"lost\":{},\"changed\":{}}}", line.gained, line.lost,
                        line.changed);
  }
  return json + "]";
}

constexpr char kStyle[] =
    "<style>:root{color-scheme:light dark}body{font:14px/1.4 system-ui,sans-serif;margin:2em;"
    "max-width:110em}table{border-collapse:collapse;margin:.5em 0 2em}th,td{text-align:left;"
    "vertical-align:top;padding:.2em .8em .2em 0;border-bottom:1px solid #8884;"
    "overflow-wrap:anywhere}th{position:sticky;top:0;background:Canvas}td.n,th.n{text-align:right}"
    ".access_gained,.finding_new,.link_created{font-weight:600}"
    "@media print{th{position:static}}</style>";

std::string_view TitleOf(std::string_view section) {
  constexpr std::pair<std::string_view, std::string_view> kTitles[] = {
      {"access", "Who reaches what"},
      {"links", "Sharing links"},
      {"grants", "Permissions"},
      {"scopes", "Inheritance"},
      {"members", "Groups"},
      {"principals", "Accounts"},
      {"objects", "Objects"},
      {"findings", "Findings"},
      {"not_known", "Not known in one of the runs"}};
  for (const auto& [name, title] : kTitles) {
    if (name == section) return title;
  }
  return section;
}

}  // namespace

// --- counts ---

void DiffTally::Add(const RunChange& change) {
  ++kinds_[static_cast<std::size_t>(change.kind)];
  if (change.widens) ++widened_;
  const bool graver =
      change.kind == ChangeKind::kFindingNew || change.kind == ChangeKind::kFindingChanged;
  if (graver && change.severity)
    worst_ = std::max(worst_.value_or(Severity::kInfo), *change.severity);
  if (SectionOf(change.kind) != "access") return;
  const auto count = [&](Line& line) {
    ++(change.kind == ChangeKind::kAccessGained ? line.gained
       : change.kind == ChangeKind::kAccessLost ? line.lost
                                                : line.changed);
  };
  Line& person = people_[change.principal_kind + '\n' + change.principal_id + '\n' +
                         (change.principal_id.empty() ? change.principal_name : "")];
  person.kind = change.principal_kind;
  person.id = change.principal_id;
  person.name = change.principal_name;
  count(person);
  Line& object = objects_[change.object_type + '\n' + change.object_id];
  object.kind = change.object_type;
  object.id = change.object_id;
  object.name = change.object_url;
  count(object);
}

std::int64_t DiffTally::changes() const {
  std::int64_t all = 0;
  for (const std::int64_t count : kinds_) all += count;
  return all - of(ChangeKind::kNotKnown);
}

std::vector<DiffTally::Line> DiffTally::Sorted(const std::map<std::string, Line>& lines) {
  std::vector<Line> sorted;
  for (const auto& [key, line] : lines) sorted.push_back(line);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Line& a, const Line& b) {
    return a.gained + a.lost + a.changed > b.gained + b.lost + b.changed;
  });
  return sorted;
}

std::string DiffTally::Text() const {
  std::string text;
  for (int i = 0; i < kChangeKinds; ++i) {
    const auto kind = static_cast<ChangeKind>(i);
    if (of(kind) == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", of(kind), Name(kind));
  }
  return text.empty() ? "no changes" : text;
}

// --- rows ---

DiffReport::DiffReport(Format format, const RunInfo& before, const RunInfo& after, int fd)
    : format_(format),
      before_(before),
      after_(after),
      output_(fd),
      rows_(AsExport(format), Columns()) {
  if (format == Format::kCsv) output_.Append(rows_.Head());
  if (format == Format::kJson) {
    output_.Append(fmt::format("{{\"from\":{},\n\"to\":{},\n\"changes\":[\n", RunJson(before),
                               RunJson(after)));
  }
}

bool DiffReport::Add(const RunChange& change) {
  format_ == Format::kHtml ? AddHtml(change) : AddRow(change);
  return !output_.closed();
}

void DiffReport::AddRow(const RunChange& change) {
  if (format_ == Format::kJson && change.kind == ChangeKind::kNotKnown && !not_known_) {
    output_.Append("\n],\n\"not_known\":[\n");
    not_known_ = first_ = true;
  }
  std::string& out = output_.buffer();
  if (!first_) out += rows_.Separator();
  first_ = false;
  std::size_t column = 0;
  for (const std::string_view text : CellsOf(change)) {
    rows_.TextOrNull(out, column++, text.empty() ? std::nullopt : std::optional(text));
  }
  rows_.EndRow(out);
  output_.MayFlush();
}

// --- the page ---

void DiffReport::EndSection() {
  if (section_.empty()) return;
  body_ += "</tbody></table>\n";
  if (in_section_ > kMostRows) {
    body_ += fmt::format("<p>{} more are not shown here; the CSV and JSON forms have all.</p>\n",
                         in_section_ - kMostRows);
  }
}

void DiffReport::AddHtml(const RunChange& change) {
  const std::string_view section = SectionOf(change.kind);
  if (section != section_) {
    EndSection();
    section_ = section;
    in_section_ = 0;
    body_ += fmt::format(
        "<h2 id=\"{}\">{}</h2>\n<table><thead><tr><th scope=\"col\">Change</th><th "
        "scope=\"col\">Object</th><th scope=\"col\">Who</th><th scope=\"col\">Before</th><th "
        "scope=\"col\">After</th><th scope=\"col\">How</th></tr></thead><tbody>\n",
        section, TitleOf(section));
  }
  if (++in_section_ > kMostRows) return;
  body_ += fmt::format("<tr><td class=\"{0}\">{0}</td>", Name(change.kind));
  const std::string& object = change.object_url.empty() ? change.object_name : change.object_url;
  const std::string how = change.via.empty() || change.detail.empty()
                              ? change.via + change.detail
                              : change.via + "; " + change.detail;
  const std::string& who = change.principal_name.empty() ? change.rule : change.principal_name;
  for (const std::string* text : {&object, &who, &change.before, &change.after, &how}) {
    body_ += "<td>";
    AppendHtml(body_, *text);
    body_ += "</td>";
  }
  body_ += "</tr>\n";
}

void DiffReport::Page(const DiffTally& tally) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\"><title>What changed</title>";
  page += kStyle;
  page += "</head><body><h1>What changed</h1>\n<p>From run ";
  for (const RunInfo* run : {&before_, &after_}) {
    AppendHtml(page, fmt::format("{} ({}, {})", run->id, run->started_at, run->status));
    page += run == &before_ ? " to run " : ".</p>\n<table><tbody>\n";
  }
  for (int i = 0; i < kChangeKinds; ++i) {
    const auto kind = static_cast<ChangeKind>(i);
    if (tally.of(kind) == 0) continue;
    page += fmt::format(
        "<tr><th scope=\"row\"><a href=\"#{}\">{}</a></th><td class=\"n\">{}</td>"
        "</tr>\n",
        SectionOf(kind), Name(kind), tally.of(kind));
  }
  page += "</tbody></table>\n";
  if (tally.changes() == 0) page += "<p>Nothing changed.</p>\n";
  const auto lines = [&](std::string_view title, const std::vector<DiffTally::Line>& all) {
    if (all.empty()) return;
    page += fmt::format(
        "<h2>{}</h2>\n<table><thead><tr><th scope=\"col\">Name</th><th class=\"n\" "
        "scope=\"col\">Gained</th><th class=\"n\" scope=\"col\">Lost</th><th "
        "class=\"n\" scope=\"col\">Changed</th></tr></thead><tbody>\n",
        title);
    for (std::size_t i = 0; i < std::min(all.size(), kMostLines); ++i) {
      page += "<tr><td>";
      AppendHtml(page, all[i].name.empty() ? all[i].kind : all[i].name);
      page += fmt::format(
          "</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td "
          "class=\"n\">{}</td></tr>\n",
          all[i].gained, all[i].lost, all[i].changed);
    }
    page += "</tbody></table>\n";
    if (all.size() > kMostLines)
      page += fmt::format("<p>And {} more.</p>\n", all.size() - kMostLines);
  };
  lines("Access by person", tally.People());
  lines("Access by object", tally.Objects());
  output_.Append(page);
  output_.Append(body_);
  output_.Append("</body></html>\n");
}

Status DiffReport::Finish(const DiffTally& tally) {
  if (format_ == Format::kHtml) {
    EndSection();
    Page(tally);
  }
  if (format_ == Format::kJson) {
    std::string end = not_known_ ? "\n],\n" : "\n],\n\"not_known\":[],\n";
    end += "\"by_person\":" + LinesJson(tally.People(), "kind") + ",\n";
    end += "\"by_object\":" + LinesJson(tally.Objects(), "kind") + ",\n\"counts\":{";
    for (int i = 0; i < kChangeKinds; ++i) {
      const auto kind = static_cast<ChangeKind>(i);
      end += fmt::format("{}\"{}\":{}", i == 0 ? "" : ",", Name(kind), tally.of(kind));
    }
    output_.Append(end + "}}\n");
  }
  return output_.Finish();
}

}  // namespace spa
