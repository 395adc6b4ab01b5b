#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "simulator/graph_service.h"
#include "simulator/json_out.h"
#include "simulator/principals.h"

namespace spa::sim {
namespace {

enum SelectBit : std::uint32_t {
  kName = 1,
  kParent = 2,
  kRoot = 4,
  kFolder = 8,
  kFile = 16,
  kShared = 32,
  kSize = 64,
  kWebUrl = 128,
  kCreated = 256,
  kModified = 512,
  kSharepointIds = 1024,
  kEtag = 2048,
  kCtag = 4096,
  kDeleted = 8192
};

constexpr std::pair<std::string_view, std::uint32_t> kSelectNames[] = {
    {"name", kName},
    {"parentreference", kParent},
    {"root", kRoot},
    {"folder", kFolder},
    {"file", kFile},
    {"shared", kShared},
    {"size", kSize},
    {"weburl", kWebUrl},
    {"createddatetime", kCreated},
    {"lastmodifieddatetime", kModified},
    {"sharepointids", kSharepointIds},
    {"etag", kEtag},
    {"ctag", kCtag},
    {"deleted", kDeleted}};

}  // namespace

// sharepointIds come only when named (graph.md 4.1).
std::uint32_t SelectMask(const Request& request) {
  if (SelectsAll(request)) return ~std::uint32_t{0} & ~kSharepointIds;
  std::uint32_t mask = 0;
  for (const auto& [name, bit] : kSelectNames) {
    if (Selects(request, name)) mask |= bit;
  }
  const bool star = Lower(request.Query("$select")).find('*') != std::string::npos;
  if (star && Lower(request.Query("$select")).find("sharepointids") == std::string::npos) {
    mask &= ~kSharepointIds;
  }
  return mask;
}

Response GraphService::Drives(const Request& request, const Segments& path) {
  if (path.size() < 2) return GraphError(400, "invalidRequest", "A drive id is missing.");
  const auto number = t_.FindLibrary(path[1]);
  if (!number) {
    Response missing = GraphError(404, "itemNotFound", "The resource could not be found.");
    missing.units = 1;
    return missing;
  }
  const Library& library = t_.libraries()[*number];
  if (t_.webs()[library.web].state != SiteState::kOpen) {
    Response refusal = SiteRefusal(t_.webs()[library.web]);
    refusal.units = 1;
    return refusal;
  }
  Response response;
  response.units = 1;
  JsonOut json(response.body);
  if (path.size() == 2 || path[2] == "list") {
    response.route = path.size() == 2 ? "graph drive" : "graph drive list";
    json.Open('{').Field("@odata.context", request.Origin() + "/v1.0/$metadata#drives/$entity");
    if (path.size() == 2) {
      WriteDrive(json, request, library);
    } else {
      WriteLibraryList(json, request, library);
    }
    json.Close('}');
    return response;
  }
  if (path[2] == "root" || path[2].starts_with("root:")) {
    if (path[2] != "root") return GraphError(400, "invalidRequest", "Paths are not simulated.");
    return DriveItemRoutes(request, library, 0, Segments(path.begin() + 3, path.end()));
  }
  if (path[2] == "items" && path.size() >= 4) {
    const auto item = t_.FindItem(library, path[3]);
    if (!item) {
      Response missing = GraphError(404, "itemNotFound", "The resource could not be found.");
      missing.units = 1;
      return missing;
    }
    return DriveItemRoutes(request, library, *item, Segments(path.begin() + 4, path.end()));
  }
  return GraphError(400, "BadRequest", "Resource not found for the segment '" + path[2] + "'.");
}

Response GraphService::DriveItemRoutes(const Request& request, const Library& library,
                                       std::uint32_t item, const Segments& rest) {
  if (rest.empty()) {
    Response response;
    response.units = 1;
    response.route = "graph item";
    JsonOut json(response.body);
    json.Open('{').Field("@odata.context",
                         request.Origin() + "/v1.0/$metadata#drives/items/$entity");
    WriteItem(json, request, library, item, SelectMask(request), false, false);
    json.Close('}');
    return response;
  }
  if (rest[0] == "permissions") return Permissions(request, library, item);
  std::string_view what = rest[0];
  if (what.starts_with("microsoft.graph.")) what.remove_prefix(16);
  if (what == "delta" || what.starts_with("delta(")) {
    if (item != 0) {
      return GraphError(400, "invalidRequest", "Delta works on the root of a drive only.");
    }
    std::string token(request.Query("token"));
    if (what.starts_with("delta(token='") && what.ends_with("')")) {
      token = what.substr(13, what.size() - 15);
    }
    return Delta(request, library, token);
  }
  if (what == "children") {
    return GraphError(501, "notSupported", "The simulated tenant enumerates by delta alone.");
  }
  return GraphError(400, "BadRequest", "Resource not found for the segment '" + rest[0] + "'.");
}

void GraphService::WriteItem(JsonOut& json, const Request& request, const Library& library,
                             std::uint32_t item, std::uint32_t select, bool hierarchical,
                             bool stale) const {
  std::string& out = json.raw();
  const Guid unique_id = t_.UniqueId(library, item);
  json.Key("id");
  out += '"';
  AppendItemId(out, library.prefix, unique_id);
  out += '"';
  if ((select & kName) != 0) {
    thread_local std::string name;
    name.clear();
    if (stale) name = "earlier ";
    t_.AppendName(name, library, item);
    json.Field("name", name);
  }
  const Web& web = t_.webs()[library.web];
  if ((select & kParent) != 0) {
    json.Open("parentReference", '{').Field("driveId", library.drive_id);
    json.Field("driveType", web.personal ? "business" : "documentLibrary");
    if (item > 0) {
      json.Key("id");
      out += '"';
      t_.AppendItemId(out, library, t_.ParentOf(library, item));
      out += '"';
    }
    json.Key("siteId");
    out += '"';
    AppendGuid(out, web.site_id);
    out += "\"}";
  }
  const bool folder = t_.IsFolder(library, item);
  if (item == 0 && (select & kRoot) != 0) json.Open("root", '{').Close('}');
  if (folder && (select & kFolder) != 0) json.Raw("folder", "{\"childCount\":0}");
  if (!folder && (select & kFile) != 0) {
    json.Open("file", '{');
    json.Field("mimeType", MimeType(FileEnding(Hash(library.seed, item, 1) >> 20))).Close('}');
  }
  if ((select & kSize) != 0) json.Field("size", t_.SizeOf(library, item));
  if ((select & kEtag) != 0) {
    json.Key("eTag");
    out += "\"\\\"{";
    const std::size_t start = out.size();
    AppendGuid(out, unique_id);
    for (std::size_t i = start; i < out.size(); ++i) {
      if (out[i] >= 'a' && out[i] <= 'f') out[i] = static_cast<char>(out[i] - 32);
    }
    out += "},";
    out += std::to_string(stale ? 1 : t_.VersionOf(library, item));
    out += "\\\"\"";
  }
  if ((select & kCtag) != 0 && !folder) {
    json.Field("cTag",
               fmt::format("\"c:{{{}}},{}\"", Text(unique_id), t_.VersionOf(library, item)));
  }
  if ((select & kCreated) != 0) json.Field("createdDateTime", "2018-01-01T07:30:00Z");
  if ((select & kModified) != 0) {
    json.Key("lastModifiedDateTime");
    out += '"';
    t_.AppendModified(out, library, item);
    out += '"';
  }
  if ((select & kWebUrl) != 0) {
    thread_local std::string url;
    url = SiteOrigin(request);
    t_.AppendPath(url, library, item);
    json.Field("webUrl", url);
  }
  if ((select & kSharepointIds) != 0) {
    json.Open("sharepointIds", '{').Key("listId");
    out += '"';
    AppendGuid(out, library.list_id);
    out += '"';
    if (item > 0) {
      json.Key("listItemId");
      out += '"' + std::to_string(item) + '"';
    }
    json.Key("listItemUniqueId");
    out += '"';
    AppendGuid(out, unique_id);
    out += "\"}";
  }
  if ((select & kShared) != 0 && !stale) WriteShared(json, library, item, hierarchical);
}

// graph.md 4.3: no name, no cTag, a date of the year 1.
void GraphService::WriteDeleted(JsonOut& json, const Library& library, std::uint32_t item,
                                std::uint32_t select) const {
  json.Field("id", t_.ItemId(library, item));
  if ((select & kParent) != 0) {
    json.Open("parentReference", '{').Field("driveId", library.drive_id);
    json.Field("driveType", t_.webs()[library.web].personal ? "business" : "documentLibrary");
    json.Field("id", t_.ItemId(library, t_.ParentOf(library, item))).Close('}');
  }
  if ((select & kDeleted) != 0) {
    json.Open("deleted", '{').Field("state", "deleted").Close('}');
  }
  if ((select & kSize) != 0) json.Field("size", 0);
  if ((select & kModified) != 0) json.Field("lastModifiedDateTime", "0001-01-01T00:00:00-08:00");
}

// graph.md section 0 and 4.5: with hierarchicalsharing the key means "owns a scope"; without, it
// means "somebody shared this or something above it".
void GraphService::WriteShared(JsonOut& json, const Library& library, std::uint32_t item,
                               bool hierarchical) const {
  if (hierarchical) {
    const ScopeKind kind = item == 0 ? ScopeKind::kUnshared : t_.KindOf(library, item);
    if (kind == ScopeKind::kInherits) return;
    if (kind != ScopeKind::kUnshared) {
      json.Open("shared", '{').Field("scope", SharedScope(library, item)).Close('}');
    } else if (t_.spec().wire.prefer_mode != "honour-without-empty-facet") {
      json.Open("shared", '{').Close('}');
    }
    return;
  }
  const std::uint32_t owner = t_.ScopeOf(library, item);
  if (owner == 0 || t_.KindOf(library, owner) == ScopeKind::kUnshared) return;
  json.Open("shared", '{').Field("scope", SharedScope(library, owner)).Close('}');
}

std::string GraphService::SharedScope(const Library& library, std::uint32_t item) const {
  if (t_.KindOf(library, item) != ScopeKind::kLinks) return "users";
  std::string widest = "users";
  for (const Link& link : t_.OwnAcl(library, item).links) {
    if (link.scope == "anonymous") return link.scope;
    if (link.scope == "organization") widest = link.scope;
  }
  return widest;
}

}  // namespace spa::sim
