#include <fmt/format.h>

#include <charconv>

#include "simulator/graph_service.h"
#include "simulator/json_out.h"

namespace spa::sim {
namespace {

constexpr char kMetadata[] = "/v1.0/$metadata#";

// $skiptoken holds where to go on. Opaque to clients.
std::size_t SkipOf(const Request& request) {
  const auto text = FromBase64(request.Query("$skiptoken"));
  std::size_t skip = 0;
  if (text && text->starts_with("Paged=TRUE&p_ID=")) {
    std::from_chars(text->data() + 16, text->data() + text->size(), skip);
  }
  return skip;
}

std::string NextQuery(const Request& request, std::size_t skip) {
  std::string query = "?";
  if (request.HasQuery("$select")) {
    query += "$select=" + PercentEncode(request.Query("$select")) + "&";
  }
  return query + "$skiptoken=" + Base64Url(fmt::format("Paged=TRUE&p_ID={}", skip));
}

// One page of `all`: writes the envelope, `write` each element.
template <class T, class Write>
Response Page(const Request& request, const std::vector<T>& all, int size, std::string_view context,
              const std::string& next_path, Write write) {
  Response response;
  response.units = 2;
  JsonOut json(response.body);
  json.Open('{').Field("@odata.context", request.Origin() + kMetadata + std::string(context));
  json.Open("value", '[');
  const std::size_t first = std::min(SkipOf(request), all.size());
  const std::size_t end = std::min(all.size(), first + static_cast<std::size_t>(size));
  for (std::size_t i = first; i < end; ++i) {
    json.Open('{');
    write(json, all[i]);
    json.Close('}');
  }
  json.Close(']');
  if (end < all.size()) json.Field("@odata.nextLink", next_path + NextQuery(request, end));
  json.Close('}');
  return response;
}

}  // namespace

// /sites/getAllSites, /sites?$skiptoken, /sites/root, /sites/{id}, /sites/{host}:/{path}[:]/…
Response GraphService::Sites(const Request& request, const Segments& path) {
  if (path.size() == 1) {
    if (request.HasQuery("$skiptoken")) return ListSites(request);
    return GraphError(400, "invalidRequest", "The simulated tenant lists sites by getAllSites.");
  }
  if (path[1] == "getAllSites" || path[1] == "microsoft.graph.getAllSites()") {
    return ListSites(request);
  }
  if (path[1] == "delta" || path[1] == "delta()") {
    return GraphError(501, "NotImplemented", "This operation target is not yet supported.");
  }
  std::string host = path[1];
  std::size_t next = 2;
  std::optional<std::uint32_t> web;
  const bool by_path = host.ends_with(':');
  if (by_path) {
    host.pop_back();
    std::string server_path;
    bool colon = false;
    for (; next < path.size() && !colon; ++next) {
      std::string part = path[next];
      if ((colon = part.ends_with(':'))) part.pop_back();
      server_path += "/" + part;
    }
    if (const auto renamed = t_.RenamedTo(server_path)) {
      Response moved;
      moved.status = 308;
      moved.units = 1;
      moved.route = "graph site by path";
      moved.headers.emplace_back("Location",
                                 fmt::format("{}/sites/{}", Base(request), t_.webs()[*renamed].id));
      return moved;
    }
    web = t_.WebAtPath(server_path);
    if (web && t_.webs()[*web].path != server_path &&
        Lower(t_.webs()[*web].path) != Lower(server_path)) {
      web.reset();
    }
  } else if (host.find(',') == std::string::npos && !ParseGuid(host) && host != "root") {
    web = 0;
  } else {
    web = t_.FindWeb(host);
  }
  if (by_path || host.find(',') == std::string::npos) {
    const std::string bare = Lower(host.substr(0, host.find(':')));
    const bool known = host == "root" || ParseGuid(host) || bare == t_.spec().host ||
                       bare == "127.0.0.1" || bare == "localhost" ||
                       (!t_.webs().empty() && bare == t_.webs().back().host);
    if (!known) return GraphError(400, "invalidRequest", "Invalid hostname for this tenancy");
  }
  if (!web) {
    Response missing = GraphError(404, "itemNotFound", "Requested site could not be found");
    missing.units = 1;
    return missing;
  }
  const Web& found = t_.webs()[*web];
  if (found.state != SiteState::kOpen) {
    Response refusal = SiteRefusal(found);
    refusal.units = next < path.size() ? 2 : 1;  // As if it had been answered.
    refusal.route = "graph site refused";
    return refusal;
  }
  return SiteRoutes(request, found, Segments(path.begin() + static_cast<long>(next), path.end()));
}

Response GraphService::SiteRoutes(const Request& request, const Web& web, const Segments& rest) {
  Response response;
  if (rest.empty()) {
    JsonOut json(response.body);
    json.Open('{').Field("@odata.context", request.Origin() + kMetadata + "sites/$entity");
    WriteSite(json, request, web);
    json.Close('}');
    response.units = 1;
    response.route = "graph site";
    return response;
  }
  const std::string& what = rest[0];
  if (what == "sites") return ListWebs(request, web);
  if (what == "drives") return ListDrives(request, web);
  if (what == "lists" && rest.size() == 1) return ListLists(request, web);
  if (what == "permissions") return SitePermissions(request, web, rest);
  if (what == "drive" && !web.libraries.empty()) {
    Segments path{"drives", t_.libraries()[web.libraries.front()].drive_id};
    path.insert(path.end(), rest.begin() + 1, rest.end());
    return Drives(request, path);
  }
  if (what == "lists" && rest.size() >= 2) {
    const auto guid = ParseGuid(rest[1]);
    const auto library = guid ? t_.LibraryOfList(*guid) : std::nullopt;
    const auto list = guid ? t_.FindList(*guid) : std::nullopt;
    if (library && rest.size() >= 3 && rest[2] == "drive") {
      Segments path{"drives", t_.libraries()[*library].drive_id};
      path.insert(path.end(), rest.begin() + 3, rest.end());
      return Drives(request, path);
    }
    if (rest.size() == 2 && (library || list)) {
      JsonOut json(response.body);
      json.Open('{').Field("@odata.context", request.Origin() + kMetadata + "lists/$entity");
      if (library) WriteLibraryList(json, request, t_.libraries()[*library]);
      if (list) WriteList(json, request, t_.lists()[*list]);
      json.Close('}');
      response.units = 1;
      response.route = "graph list";
      return response;
    }
    if (!library && !list) {
      return GraphError(404, "itemNotFound", "The specified list was not found");
    }
    return GraphError(501, "NotImplemented", "This operation target is not yet supported.");
  }
  return GraphError(400, "BadRequest", "Resource not found for the segment '" + what + "'.");
}

Response GraphService::ListSites(const Request& request) {
  std::vector<std::uint32_t> roots;
  for (const Web& web : t_.webs()) {
    if (web.parent < 0 && web.state != SiteState::kDeleted) roots.push_back(web.number);
  }
  // The next link leaves getAllSites for /sites (graph.md 2.1).
  Response response =
      Page(request, roots, t_.spec().wire.sites_page, "sites", Base(request) + "/sites",
           [&](JsonOut& json, std::uint32_t web) { WriteSite(json, request, t_.webs()[web]); });
  response.route = "graph getAllSites";
  return response;
}

Response GraphService::ListWebs(const Request& request, const Web& web) {
  std::vector<std::uint32_t> children;
  for (auto child : web.children) {
    if (t_.webs()[child].state != SiteState::kDeleted) children.push_back(child);
  }
  Response response =
      Page(request, children, t_.spec().wire.drives_page, "sites",
           fmt::format("{}/sites/{}/sites", Base(request), web.id),
           [&](JsonOut& json, std::uint32_t child) { WriteSite(json, request, t_.webs()[child]); });
  response.route = "graph subsites";
  return response;
}

Response GraphService::ListDrives(const Request& request, const Web& web) {
  std::vector<std::uint32_t> drives;
  for (auto number : web.libraries) {
    if (!t_.libraries()[number].system || Selects(request, "system")) drives.push_back(number);
  }
  Response response = Page(request, drives, t_.spec().wire.drives_page, "drives",
                           fmt::format("{}/sites/{}/drives", Base(request), web.id),
                           [&](JsonOut& json, std::uint32_t drive) {
                             WriteDrive(json, request, t_.libraries()[drive]);
                           });
  response.route = "graph drives";
  return response;
}

Response GraphService::ListLists(const Request& request, const Web& web) {
  // Libraries first, then generic lists: one sequence of numbers.
  std::vector<std::uint32_t> entries;
  for (auto number : web.libraries) {
    if (!t_.libraries()[number].system || Selects(request, "system")) entries.push_back(number);
  }
  const std::size_t libraries = entries.size();
  entries.insert(entries.end(), web.lists.begin(), web.lists.end());
  std::size_t at = std::min(SkipOf(request), entries.size());
  Response response = Page(request, entries, t_.spec().wire.drives_page, "lists",
                           fmt::format("{}/sites/{}/lists", Base(request), web.id),
                           [&](JsonOut& json, std::uint32_t number) {
                             if (at++ < libraries) {
                               WriteLibraryList(json, request, t_.libraries()[number]);
                             } else {
                               WriteList(json, request, t_.lists()[number]);
                             }
                           });
  response.route = "graph lists";
  return response;
}

void GraphService::WriteSite(JsonOut& json, const Request& request, const Web& web) const {
  const bool all = SelectsAll(request);
  auto wants = [&](const char* lower) { return all || Selects(request, lower); };
  json.Field("id", web.id);
  if (wants("createddatetime")) json.Field("createdDateTime", "2022-03-07T09:12:44.663Z");
  if (wants("name")) json.Field("name", web.name);
  if (wants("displayname")) json.Field("displayName", web.title);
  if (wants("weburl")) json.Field("webUrl", SiteOrigin(request) + web.path);
  if (wants("ispersonalsite")) json.Field("isPersonalSite", web.personal);
  if (wants("root") && web.parent < 0) json.Open("root", '{').Close('}');
  if (wants("sitecollection")) {
    json.Open("siteCollection", '{').Field("hostname", web.host);
    if (web.state == SiteState::kArchived && Selects(request, "sitecollection")) {
      json.Open("archivalDetails", '{').Field("archiveStatus", "fullyArchived").Close('}');
    }
    json.Close('}');
  }
  if (Selects(request, "sharepointids")) {
    json.Open("sharepointIds", '{').Field("siteId", Text(web.site_id));
    json.Field("siteUrl", SiteOrigin(request) + web.path).Field("tenantId", t_.spec().tenant_id);
    json.Field("webId", Text(web.web_id)).Close('}');
  }
  if (web.parent >= 0 && wants("parentreference")) {
    json.Open("parentReference", '{');
    json.Field("siteId", t_.webs()[static_cast<std::size_t>(web.parent)].id).Close('}');
  }
}

void GraphService::WriteDrive(JsonOut& json, const Request& request, const Library& library) const {
  const Web& web = t_.webs()[library.web];
  const bool all = SelectsAll(request);
  auto wants = [&](const char* lower) { return all || Selects(request, lower); };
  json.Field("id", library.drive_id);
  if (wants("name")) json.Field("name", library.title);
  if (wants("drivetype")) {
    json.Field("driveType", web.personal ? "business" : "documentLibrary");
  }
  if (wants("weburl")) {
    std::string url = SiteOrigin(request);
    t_.AppendPath(url, library, 0);
    json.Field("webUrl", url);
  }
  if (wants("quota")) {
    json.Open("quota", '{').Field("deleted", 0).Field("remaining", 27'487'600'112'233);
    json.Field("state", "normal").Field("total", 27'487'790'694'400).Field("used", 190'582'167);
    json.Close('}');
  }
  if (wants("sharepointids")) {
    json.Open("sharePointIds", '{').Field("listId", Text(library.list_id));
    json.Field("siteId", Text(web.site_id)).Field("siteUrl", SiteOrigin(request) + web.path);
    json.Field("tenantId", t_.spec().tenant_id).Field("webId", Text(web.web_id)).Close('}');
  }
  if (library.system && Selects(request, "system")) json.Open("system", '{').Close('}');
}

void GraphService::WriteLibraryList(JsonOut& json, const Request& request,
                                    const Library& library) const {
  const bool all = SelectsAll(request);
  auto wants = [&](const char* lower) { return all || Selects(request, lower); };
  json.Field("id", Text(library.list_id));
  if (wants("name")) json.Field("name", library.url_name);
  if (wants("displayname")) json.Field("displayName", library.title);
  if (wants("weburl")) {
    std::string url = SiteOrigin(request);
    t_.AppendPath(url, library, 0);
    json.Field("webUrl", url);
  }
  if (wants("list")) {
    json.Open("list", '{').Field("contentTypesEnabled", false).Field("hidden", false);
    json.Field("template",
               t_.webs()[library.web].personal ? "mySiteDocumentLibrary" : "documentLibrary");
    json.Close('}');
  }
  if (library.system && Selects(request, "system")) json.Open("system", '{').Close('}');
}

void GraphService::WriteList(JsonOut& json, const Request& request, const GenericList& list) const {
  const bool all = SelectsAll(request);
  auto wants = [&](const char* lower) { return all || Selects(request, lower); };
  json.Field("id", Text(list.list_id));
  if (wants("name")) json.Field("name", list.url_name);
  if (wants("displayname")) json.Field("displayName", list.title);
  if (wants("weburl")) {
    json.Field("webUrl", fmt::format("{}{}/Lists/{}", SiteOrigin(request), t_.webs()[list.web].path,
                                     list.url_name));
  }
  if (wants("list")) {
    json.Open("list", '{').Field("contentTypesEnabled", false).Field("hidden", list.hidden);
    json.Field("template", "genericList").Close('}');
  }
}

}  // namespace spa::sim
