#include "discovery/graph_decoders.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/ascii.h"
#include "core/encoding.h"
#include "core/graph/json.h"

namespace spa {
namespace {

std::string LastPart(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return std::string(url.substr(url.rfind('/') + 1));
}

Site ReadSite(const json::Element& entry) {
  Site site;
  site.id = json::Text(entry, "id");
  site.web_url = json::Text(entry, "webUrl");
  site.name = json::Text(entry, "displayName");
  if (site.name.empty()) site.name = json::Text(entry, "name");
  if (site.name.empty()) site.name = LastPart(site.web_url);
  // Where it is not told, the address tells (graph.md 2.2).
  site.is_personal = json::Bool(entry, "isPersonalSite")
                         .value_or(site.web_url.find("-my.") != std::string::npos &&
                                   site.web_url.find("/personal/") != std::string::npos);
  return site;
}

// Spelled sharepointIds or sharePointIds (graph.md 3).
std::optional<json::Element> SharePointIds(const json::Element& entry) {
  const auto ids = json::Find(entry, "sharepointIds");
  return ids ? ids : json::Find(entry, "sharePointIds");
}

Drive ReadDrive(const json::Element& entry) {
  Drive drive;
  drive.id = json::Text(entry, "id");
  drive.name = json::Text(entry, "name");
  drive.web_url = json::Text(entry, "webUrl");
  drive.type = json::Text(entry, "driveType");
  drive.system = json::Has(entry, "system");
  if (const auto ids = SharePointIds(entry)) drive.list_id = AsciiLower(json::Text(*ids, "listId"));
  if (drive.list_id.empty()) drive.list_id = ListIdOfDrive(drive.id);
  return drive;
}

List ReadList(const json::Element& entry) {
  List list;
  list.id = AsciiLower(json::Text(entry, "id"));
  list.web_url = json::Text(entry, "webUrl");
  list.name = json::Text(entry, "displayName");
  if (list.name.empty()) list.name = json::Text(entry, "name");
  list.system = json::Has(entry, "system");
  if (const auto info = json::Find(entry, "list")) {
    list.template_name = json::Text(*info, "template");
    list.hidden = json::Bool(*info, "hidden").value_or(false);
  }
  return list;
}

SharedFacet ReadShared(const json::Element& entry) {
  json::Element value;
  if (entry["shared"].get(value) != simdjson::SUCCESS) return SharedFacet::kAbsent;
  simdjson::dom::object facet;
  if (value.get_object().get(facet) != simdjson::SUCCESS) return SharedFacet::kAbsent;
  return facet.begin() == facet.end() ? SharedFacet::kEmpty : SharedFacet::kShared;
}

DriveItem ReadItem(const json::Element& entry) {
  DriveItem item;
  item.id = json::Text(entry, "id");
  item.name = json::Text(entry, "name");
  item.modified = json::Text(entry, "lastModifiedDateTime");
  item.size = json::Int(entry, "size").value_or(-1);
  if (const auto parent = json::Find(entry, "parentReference"))
    item.parent_id = json::Text(*parent, "id");
  if (const auto ids = SharePointIds(entry)) {
    item.list_item_id = json::Int(*ids, "listItemId").value_or(-1);
    item.unique_id = AsciiLower(json::Text(*ids, "listItemUniqueId"));
  }
  if (json::Has(entry, "folder") || json::Has(entry, "package")) {
    item.kind = DriveItem::Kind::kFolder;
  } else if (json::Has(entry, "file")) {
    item.kind = DriveItem::Kind::kFile;
  }
  item.is_root = json::Has(entry, "root");
  item.deleted = json::Has(entry, "deleted");
  item.shared = ReadShared(entry);
  return item;
}

// 16 bytes in .NET's layout: the first three groups little-endian.
std::string GuidText(const unsigned char* b) {
  return fmt::format(
      "{:02x}{:02x}{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}{:02x}{:02x}{:"
      "02x}{:02x}",
      b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
      b[15]);
}

}  // namespace

Result<Page<Site>> DecodeSites(std::string_view body) { return DecodePage<Site>(body, ReadSite); }

Result<Site> DecodeSite(std::string_view body) {
  const auto root = json::Parse(body);
  if (!root) return Fail(root.error());
  Site site = ReadSite(*root);
  if (site.id.empty()) return Fail(ErrorCode::kMalformed, "the answer holds no site");
  return site;
}

Result<Page<Drive>> DecodeDrives(std::string_view body) {
  return DecodePage<Drive>(body, ReadDrive);
}

Result<Page<List>> DecodeLists(std::string_view body) { return DecodePage<List>(body, ReadList); }

Result<Page<DriveItem>> DecodeDelta(std::string_view body) {
  auto page = DecodePage<DriveItem>(body, ReadItem);
  if (page && page->next_link.empty() && page->delta_link.empty()) {
    return Fail(ErrorCode::kMalformed, "the page holds neither a next link nor a delta link");
  }
  return page;
}

std::string ListIdOfDrive(std::string_view drive_id) {
  if (!drive_id.starts_with("b!")) return {};
  const auto bytes = Base64UrlDecode(drive_id.substr(2));
  if (!bytes || bytes->size() != 48) return {};
  return GuidText(reinterpret_cast<const unsigned char*>(bytes->data()) + 32);
}

}  // namespace spa
