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
  kCtag = 4096
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
    {"ctag", kCtag}};

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

bool Prefers(const Request& request, std::string_view value) {
  return Lower(request.Header("prefer")).find(value) != std::string::npos;
}

}  // namespace

// What a delta token says: where to go on, and the options of the first call.
struct GraphService::Token {
  bool changes = false;      // from a deltaLink: nothing has changed since
  bool after_empty = false;  // the empty page before this one has been sent
  std::uint32_t offset = 0;
  std::uint32_t page = 1;
  std::uint32_t select = 0;
  std::uint32_t size = 200;

  std::string Write() const {
    return Base64Url(fmt::format("3;%234;{};{};{};{};{};{}", changes ? 'c' : 'f',
                                 after_empty ? 1 : 0, offset, page, select, size));
  }
  static std::optional<Token> Read(std::string_view text) {
    const auto plain = FromBase64(text);
    if (!plain || !plain->starts_with("3;%234;") || plain->size() < 9) return std::nullopt;
    Token token;
    token.changes = (*plain)[7] == 'c';
    std::uint32_t fields[5] = {};
    const char* at = plain->data() + 9;
    const char* end = plain->data() + plain->size();
    for (auto& field : fields) {
      const auto parsed = std::from_chars(at, end, field);
      if (parsed.ec != std::errc{}) return std::nullopt;
      at = parsed.ptr == end ? end : parsed.ptr + 1;
    }
    token.after_empty = fields[0] != 0;
    token.offset = fields[1];
    token.page = fields[2];
    token.select = fields[3];
    token.size = std::max(1u, fields[4]);
    return token;
  }
};

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

Response GraphService::Delta(const Request& request, const Library& library,
                             std::string_view text) {
  Response error;
  const std::string expand = Lower(request.Query("$expand"));
  if (expand.find("permissions") != std::string::npos) {
    error = GraphError(501, "notSupported", "Permission is not supported in this item.");
  } else if (!expand.empty()) {
    error = GraphError(400, "badArgument", "This expansion is not supported.");
  } else if (t_.spec().wire.require_prefer_helpers && Prefers(request, "deltashowsharingchanges") &&
             !(Prefers(request, "deltashowremovedasdeleted") &&
               Prefers(request, "deltatraversepermissiongaps"))) {
    error = GraphError(400, "invalidRequest",
                       "Must also prefer deltashowremovedasdeleted and deltatraversepermissiongaps "
                       "when preferring deltashowsharingchanges for a user request.");
  }
  if (error.status != 200) {
    error.route = "graph delta";
    error.units = 2;
    return error;
  }
  Token token;
  token.select = SelectMask(request);
  token.size = static_cast<std::uint32_t>(t_.spec().wire.delta_page);
  if (t_.spec().wire.top == "honour" && request.HasQuery("$top")) {
    token.size =
        std::clamp<std::uint32_t>(static_cast<std::uint32_t>(std::strtoul(
                                      std::string(request.Query("$top")).c_str(), nullptr, 10)),
                                  1, 1000);
  }
  const bool time = text.size() > 10 && text[4] == '-' && text[10] == 'T';
  if (text == "latest" || time) {  // nothing has changed since
    token.changes = true;
  } else if (!text.empty()) {
    const auto read = Token::Read(text);
    if (!read || read->offset > library.items + 1) {
      Response bad = GraphError(400, "invalidRequest", "The provided token is malformed.");
      bad.route = "graph delta";
      bad.units = 1;
      return bad;
    }
    token = *read;
  }
  if (Response gone = GoneOnce(request, library, token); gone.status == 410) return gone;
  Response response = DeltaPage(request, library, token);
  response.units = token.changes ? 1 : 2;
  response.route = token.changes ? "graph delta changes" : "graph delta";
  return response;
}

Response GraphService::GoneOnce(const Request& request, const Library& library,
                                const Token& token) {
  const WireSpec& wire = t_.spec().wire;
  if (wire.gone_at_page == 0 || static_cast<int>(token.page) != wire.gone_at_page ||
      token.changes) {
    return Response();
  }
  {
    const std::lock_guard lock(mutex_);
    if (!gone_.insert(library.number).second) return Response();
  }
  Response gone = GraphError(410, "resyncRequired", "Resync required.");
  gone.route = "graph delta";
  gone.units = 2;
  if (wire.gone_location) {
    Token fresh;
    fresh.select = token.select;
    fresh.size = token.size;
    gone.headers.emplace_back("Location",
                              fmt::format("{}/drives/{}/items/{}/delta?token={}", Base(request),
                                          library.drive_id, t_.ItemId(library, 0), fresh.Write()));
  }
  return gone;
}

Response GraphService::DeltaPage(const Request& request, const Library& library,
                                 const Token& token) {
  const WireSpec& wire = t_.spec().wire;
  const bool ignored =
      wire.prefer_mode == "ignore" || Unit(Hash(library.seed, 91)) < wire.prefer_ignored_drives;
  const bool hierarchical = !ignored && Prefers(request, "hierarchicalsharing");
  const std::uint32_t count = library.items + 1;
  Response response;
  response.body.reserve(token.size * 640 + 4096);
  JsonOut json(response.body);
  json.Open('{').Field("@odata.context",
                       request.Origin() + "/v1.0/$metadata#Collection(driveItem)");
  json.Open("value", '[');
  Token next = token;
  bool finished = token.changes;
  const bool empty = !finished && !token.after_empty &&
                     Unit(Hash(library.seed, 92, token.offset)) < wire.empty_page_rate;
  if (empty) {
    next.after_empty = true;
  } else if (!finished) {
    const std::uint32_t end = std::min(count, token.offset + token.size);
    auto write = [&](std::uint32_t item, bool stale) {
      json.Open('{');
      WriteItem(json, request, library, item, token.select, hierarchical, stale);
      json.Close('}');
    };
    if (wire.repeat_ancestors) {
      std::vector<std::uint32_t> ancestors;
      for (std::uint32_t item = token.offset; item < end; ++item) {
        for (std::uint32_t at = item; at > 0;) {
          at = t_.ParentOf(library, at);
          if (at >= token.offset && at < end) break;
          if (std::find(ancestors.begin(), ancestors.end(), at) != ancestors.end()) break;
          ancestors.push_back(at);
        }
      }
      for (auto at = ancestors.rbegin(); at != ancestors.rend(); ++at) write(*at, false);
    }
    for (std::uint32_t item = token.offset; item < end; ++item) write(item, false);
    if (wire.duplicate_rate > 0) {  // Seen early, as they were; the later page wins.
      for (std::uint32_t item = end; item < std::min(count, end + token.size); ++item) {
        if (Unit(Hash(library.seed, 93, item)) < wire.duplicate_rate) write(item, true);
      }
    }
    next.offset = end;
    next.after_empty = false;
    ++next.page;
    finished = end >= count && (!wire.empty_last_page || token.offset >= count);
  }
  json.Close(']');
  next.changes = finished;
  if (finished) {
    next.offset = 0;
    next.page = 1;
  }
  json.Field(finished ? "@odata.deltaLink" : "@odata.nextLink",
             fmt::format("{}/drives/{}/items/{}/delta?token={}", Base(request), library.drive_id,
                         t_.ItemId(library, 0), next.Write()));
  json.Close('}');
  if (wire.preference_applied && hierarchical) {
    response.headers.emplace_back("Preference-Applied", "hierarchicalsharing");
  }
  return response;
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
    out += stale ? "},1\\\"\"" : "},2\\\"\"";
  }
  if ((select & kCtag) != 0 && !folder) {
    json.Field("cTag", fmt::format("\"c:{{{}}},2\"", Text(unique_id)));
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
