#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "simulator/graph_service.h"
#include "simulator/json_out.h"
#include "simulator/rest_service.h"
#include "simulator/sharing.h"

namespace spa::sim {
namespace {

constexpr std::uint32_t kDefaultPage = 100, kLargestPage = 5000;

std::uint32_t AfterId(const Request& request) {
  const std::string_view token = request.Query("$skiptoken");
  const auto at = token.find("p_ID=");
  std::uint32_t id = 0;
  if (at != std::string_view::npos) {
    std::from_chars(token.data() + at + 5, token.data() + token.size(), id);
  }
  return id;
}

}  // namespace

// graph.md 4.9: `odata.nextLink` without @, 100 by default, at most 5,000.
Response RestService::Items(const Request& request, const Web& web, ListRef list) {
  const std::string filter = Lower(request.Query("$filter"));
  if (filter.find("hasuniqueroleassignments") != std::string::npos) {
    return RestError(400, "-1, Microsoft.SharePoint.Client.InvalidClientQueryException",
                     "The query is not supported.");
  }
  if (Selects(request, "odata__displayname") && (!list.library || !t_.spec().wire.label_column)) {
    return RestError(400, "-1, Microsoft.SharePoint.Client.InvalidClientQueryException",
                     "The field or property 'OData__DisplayName' does not exist.");
  }
  std::uint32_t top = kDefaultPage;
  if (request.HasQuery("$top")) {
    top = static_cast<std::uint32_t>(
        std::strtoul(std::string(request.Query("$top")).c_str(), nullptr, 10));
    top = std::clamp(top, 1u, kLargestPage);
  }
  const std::uint32_t count = list.library ? list.library->items : list.list->items;
  const std::uint32_t first = AfterId(request) + 1;
  Response response;
  response.body.reserve(top * 120);
  JsonOut json(response.body);
  json.Open('{').Open("value", '[');
  std::uint32_t next = first;  // the item to go on with
  for (std::uint32_t written = 0; next <= count; ++next) {
    if (!Exists(list, next)) continue;
    if (written++ == top) break;
    WriteItem(json, request, list, next);
  }
  json.Close(']');
  if (next <= count) {
    std::string link =
        fmt::format("{}{}/_api/web/lists(guid%27{}%27)/items?%24skiptoken=Paged%3dTRUE%26p_ID%3d{}",
                    request.Origin(), web.path,
                    Text(list.library ? list.library->list_id : list.list->list_id), next - 1);
    for (const char* name : {"$select", "$expand", "$top"}) {
      if (!request.HasQuery(name)) continue;
      link += fmt::format("&%24{}={}", name + 1, PercentEncode(request.Query(name)));
    }
    json.Field("odata.nextLink", link);
  }
  json.Close('}');
  return response;
}

void RestService::WriteItem(JsonOut& json, const Request& request, ListRef list,
                            std::uint32_t item) const {
  const bool all = SelectsAll(request);
  auto wants = [&](const char* lower) { return all || Selects(request, lower); };
  json.Open('{');
  if (Selects(request, "hasuniqueroleassignments")) {
    json.Field("HasUniqueRoleAssignments", list.library ? t_.OwnsScope(*list.library, item)
                                                        : t_.ListItemOwnsScope(*list.list, item));
  }
  if (wants("filesystemobjecttype")) {
    json.Field("FileSystemObjectType", list.library && t_.IsFolder(*list.library, item) ? 1 : 0);
  }
  if (wants("id")) json.Field("Id", item).Field("ID", item);
  if (list.library && (Selects(request, "fileref") || Selects(request, "fileleafref"))) {
    std::string path, name;
    t_.AppendPath(path, *list.library, item);
    t_.AppendName(name, *list.library, item);
    if (Selects(request, "fileref")) json.Field("FileRef", PercentDecode(path));
    if (Selects(request, "fileleafref")) json.Field("FileLeafRef", name);
  }
  if (!list.library) {
    const std::string name = fmt::format("{}_.000", item);
    if (Selects(request, "fileref")) {
      json.Field("FileRef", fmt::format("{}/Lists/{}/{}", t_.webs()[list.list->web].path,
                                        list.list->url_name, name));
    }
    if (Selects(request, "fileleafref")) json.Field("FileLeafRef", name);
  }
  if (list.library && Selects(request, "odata__displayname")) {
    const std::string label = ItemLabel(t_, *list.library, item);
    if (label.empty()) {
      json.Null("OData__DisplayName");
    } else {
      json.Field("OData__DisplayName", label);
    }
  }
  if (wants("title")) {
    if (list.library) {
      json.Null("Title");
    } else {
      json.Field("Title", fmt::format("Item {}", item));
    }
  }
  if (all || Selects(request, "guid")) {  // Not the file's UniqueId (graph.md 4.9).
    json.Field("GUID",
               Text(MakeGuid(Hash(list.library ? list.library->seed : list.list->seed, item, 77))));
  }
  json.Close('}');
}

Response RestService::ItemRoutes(const Request& request, const Web& web, ListRef list,
                                 std::uint32_t item, const Steps& steps) {
  Response response;
  if (steps.empty()) {
    JsonOut json(response.body);
    WriteItem(json, request, list, item);
    response.route = "rest item";
    return response;
  }
  const bool unique =
      list.library ? t_.OwnsScope(*list.library, item) : t_.ListItemOwnsScope(*list.list, item);
  if (steps[0].name == "hasuniqueroleassignments") {
    response.body = unique ? R"({"value":true})" : R"({"value":false})";
    response.route = "rest item unique";
    return response;
  }
  if (steps[0].name == "roleassignments") {
    static const std::vector<Entry> kNone;
    const std::uint32_t owner = list.library ? t_.ScopeOf(*list.library, item) : 0;
    const Acl acl =
        list.library ? t_.EffectiveAcl(*list.library, item) : t_.ListItemAcl(*list.list, item);
    response = Assignments(request, web, acl, kNone, list, list.library ? owner : item);
    response.route = "rest item roleassignments";
    return response;
  }
  return RestError(404, "-1, Microsoft.SharePoint.Client.ResourceNotFoundException",
                   fmt::format("Cannot find resource for the request {}.", steps[0].name));
}

}  // namespace spa::sim
