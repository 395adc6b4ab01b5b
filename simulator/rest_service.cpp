#include "simulator/rest_service.h"

#include <fmt/format.h>

#include "simulator/graph_service.h"
#include "simulator/json_out.h"
#include "simulator/sharing.h"

namespace spa::sim {
namespace {

Response Value(bool value) {
  Response response;
  response.body = value ? R"({"value":true})" : R"({"value":false})";
  return response;
}

bool Expands(const Request& request, std::string_view lower_name) {
  return Lower(request.Query("$expand")).find(lower_name) != std::string::npos;
}

}  // namespace

Response RestError(int status, std::string_view code, std::string_view message) {
  Response response;
  response.status = status;
  response.family = Family::kSharePoint;
  response.route = "rest refused";
  JsonOut json(response.body);
  json.Open('{').Open("odata.error", '{').Field("code", code).Open("message", '{');
  json.Field("lang", "en-US").Field("value", message).Close('}').Close('}').Close('}');
  return response;
}

RestService::Steps RestService::ParseSteps(std::string_view api) const {
  Steps steps;
  while (!api.empty()) {
    const auto slash = api.find('/');
    const std::string text = PercentDecode(api.substr(0, slash));
    if (!text.empty()) {
      Step step;
      const auto open = text.find('(');
      step.name = Lower(text.substr(0, open));
      if (open != std::string::npos && text.ends_with(')')) {
        step.argument = text.substr(open + 1, text.size() - open - 2);
        if (step.argument.starts_with("guid")) step.argument.erase(0, 4);
        std::erase(step.argument, '\'');
      }
      steps.push_back(std::move(step));
    }
    if (slash == std::string_view::npos) break;
    api.remove_prefix(slash + 1);
  }
  return steps;
}

Response RestService::Handle(const Request& request, const PartHandler& part) {
  const auto mark = request.path.find("/_api");
  const std::string site = PercentDecode(std::string_view(request.path).substr(0, mark));
  if (const auto renamed = t_.RenamedTo(site)) {
    Response moved;
    moved.status = 308;
    moved.route = "rest renamed";
    moved.headers.emplace_back(
        "Location", request.Origin() + t_.webs()[*renamed].path + request.target.substr(mark));
    return moved;
  }
  const auto number = t_.WebAtPath(site);
  if (!number || Lower(t_.webs()[*number].path) != Lower(site)) {
    return RestError(404, "-2147024894, System.IO.FileNotFoundException",
                     "The file or folder was not found.");
  }
  const Web& web = t_.webs()[*number];
  const int refused = t_.spec().wire.rest_refuses_401 ? 401 : 403;
  switch (web.state) {
    case SiteState::kOpen:
      break;
    case SiteState::kLocked:
      return RestError(423, "-2147018894, Microsoft.SharePoint.SPException",
                       "Access to this site has been blocked.");
    case SiteState::kArchived:
    case SiteState::kForbidden:
      return RestError(refused, "-2147024891, System.UnauthorizedAccessException",
                       "Access is denied.");
    case SiteState::kMissing:
    case SiteState::kDeleted:
      return RestError(404, "-2147024894, System.IO.FileNotFoundException",
                       "The file or folder was not found.");
  }
  const Steps steps = ParseSteps(std::string_view(request.path).substr(mark + 5));
  Response response;
  if (!steps.empty() && steps[0].name == "$batch") {
    response = Batch(request, web, part);
  } else if (site.empty() && !steps.empty() && steps[0].name == "spo.tenant") {
    response = Admin(request, Steps(steps.begin() + 1, steps.end()));
  } else if (steps.empty() || steps[0].name != "web") {
    response = RestError(404, "-1, Microsoft.SharePoint.Client.ResourceNotFoundException",
                         "Cannot find resource for the request.");
  } else if (Lower(request.Header("accept")).find("json") == std::string::npos) {
    // Without an Accept header SharePoint speaks Atom.
    response.content_type = "application/atom+xml";
    response.body = "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"></feed>";
    response.route = "rest atom";
  } else {
    response = WebRoutes(request, web, Steps(steps.begin() + 1, steps.end()));
  }
  response.family = Family::kSharePoint;
  return response;
}

Response RestService::WebRoutes(const Request& request, const Web& web, const Steps& steps) {
  Response response;
  if (steps.empty()) {
    response = WebObject(request, web);
    response.route = "rest web";
    return response;
  }
  const Step& step = steps[0];
  if (step.name == "hasuniqueroleassignments") {
    response = Value(web.unique);
    response.route = "rest web unique";
    return response;
  }
  if (step.name == "roleassignments") {
    const Web& scope = t_.ScopeWeb(web);
    response = Assignments(request, web, scope.acl, scope.plumbing, {}, 0);
    response.route = "rest web roleassignments";
    return response;
  }
  if (step.name == "sitegroups") return SiteGroupRoutes(request, web, steps);
  if (step.name == "siteusers") {
    response = SiteUsers(request, web);
    response.route = "rest siteusers";
    return response;
  }
  if (step.name == "getuserbyid" && step.argument == std::to_string(kSystemAccount)) {
    JsonOut json(response.body);
    WriteSystemAccount(json, web);
    response.route = "rest user";
    return response;
  }
  if (step.name == "lists" && step.argument.empty()) {
    response = Lists(request, web);
    response.route = "rest lists";
    return response;
  }
  if (step.name == "lists") {
    const auto guid = ParseGuid(step.argument);
    ListRef list;
    if (const auto library = guid ? t_.LibraryOfList(*guid) : std::nullopt) {
      list.library = &t_.libraries()[*library];
    } else if (const auto generic = guid ? t_.FindList(*guid) : std::nullopt) {
      list.list = &t_.lists()[*generic];
    }
    const bool here = (list.library && list.library->web == web.number) ||
                      (list.list && list.list->web == web.number);
    if (!here) {
      return RestError(404, "-2130575322, Microsoft.SharePoint.SPException",
                       "List does not exist.");
    }
    return ListRoutes(request, web, list, Steps(steps.begin() + 1, steps.end()));
  }
  return RestError(404, "-1, Microsoft.SharePoint.Client.ResourceNotFoundException",
                   fmt::format("Cannot find resource for the request {}.", step.name));
}

Response RestService::WebObject(const Request& request, const Web& web) {
  const bool all = SelectsAll(request);
  auto wants = [&](const char* lower) { return all || Selects(request, lower); };
  Response response;
  JsonOut json(response.body);
  json.Open('{');
  constexpr std::pair<const char*, const char*> kDefaults[] = {
      {"associatedownergroup", "AssociatedOwnerGroup"},
      {"associatedvisitorgroup", "AssociatedVisitorGroup"},
      {"associatedmembergroup", "AssociatedMemberGroup"}};
  const auto& groups = t_.webs()[web.collection].groups;
  for (std::size_t i = 0; i < 3; ++i) {  // Owners, Visitors, Members: the order of the groups.
    if (!Expands(request, kDefaults[i].first)) continue;
    json.Key(kDefaults[i].second);
    WriteSiteGroup(json, web, groups[i],
                   Expands(request, std::string(kDefaults[i].first) + "/users"));
  }
  if (Selects(request, "hasuniqueroleassignments")) {
    json.Field("HasUniqueRoleAssignments", web.unique);
  }
  if (wants("id")) json.Field("Id", Text(web.web_id));
  if (wants("title")) json.Field("Title", web.title);
  if (wants("url")) json.Field("Url", request.Origin() + web.path);
  if (wants("serverrelativeurl")) {
    json.Field("ServerRelativeUrl", web.path.empty() ? "/" : web.path);
  }
  if (wants("language")) {
    constexpr int kCodes[] = {1033, 1031, 1041};
    json.Field("Language", kCodes[static_cast<int>(web.language)]);
  }
  if (wants("webtemplate"))
    json.Field("WebTemplate", web.personal ? "SPSPERS" : web.channel ? "TEAMCHANNEL" : "GROUP");
  json.Close('}');
  return response;
}

void RestService::WriteList(JsonOut& json, const Request& request, ListRef list) const {
  const bool all = SelectsAll(request);
  auto wants = [&](const char* lower) { return all || Selects(request, lower); };
  const bool library = list.library != nullptr;
  json.Open('{');
  if (Selects(request, "hasuniqueroleassignments")) {
    json.Field("HasUniqueRoleAssignments", library ? list.library->unique : list.list->unique);
  }
  if (Expands(request, "rootfolder")) {
    std::string path;
    if (library) {
      t_.AppendPath(path, *list.library, 0);
    } else {
      path = t_.webs()[list.list->web].path + "/Lists/" + list.list->url_name;
    }
    json.Open("RootFolder", '{').Field("ServerRelativeUrl", PercentDecode(path)).Close('}');
  }
  if (wants("basetemplate")) json.Field("BaseTemplate", library ? 101 : 100);
  if (wants("basetype")) json.Field("BaseType", library ? 1 : 0);
  if (wants("hidden")) json.Field("Hidden", library ? false : list.list->hidden);
  if (wants("id")) json.Field("Id", Text(library ? list.library->list_id : list.list->list_id));
  if (wants("itemcount")) {
    json.Field("ItemCount", library ? t_.CountItems(*list.library) : t_.CountItems(*list.list));
  }
  if (wants("title")) json.Field("Title", library ? list.library->title : list.list->title);
  const bool own = !library && ShowsOwnItems(t_, *list.list);
  if (Selects(request, "readsecurity")) json.Field("ReadSecurity", own ? 2 : 1);
  if (Selects(request, "writesecurity")) json.Field("WriteSecurity", own ? 2 : 1);
  json.Close('}');
}

Response RestService::Lists(const Request& request, const Web& web) {
  Response response;
  JsonOut json(response.body);
  json.Open('{').Open("value", '[');
  for (auto number : web.libraries) WriteList(json, request, {&t_.libraries()[number], nullptr});
  for (auto number : web.lists) WriteList(json, request, {nullptr, &t_.lists()[number]});
  json.Close(']').Close('}');
  return response;
}

Response RestService::ListRoutes(const Request& request, const Web& web, ListRef list,
                                 const Steps& steps) {
  Response response;
  if (steps.empty()) {
    JsonOut json(response.body);
    WriteList(json, request, list);
    response.route = "rest list";
    return response;
  }
  const bool unique = list.library ? list.library->unique : list.list->unique;
  if (steps[0].name == "hasuniqueroleassignments") {
    response = Value(unique);
    response.route = "rest list unique";
    return response;
  }
  if (steps[0].name == "roleassignments") {
    const Acl& acl = list.library ? t_.LibraryAcl(*list.library) : t_.ListAcl(*list.list);
    static const std::vector<Entry> kNone;
    response = Assignments(request, web, acl, unique ? kNone : t_.ScopeWeb(web).plumbing, {}, 0);
    response.route = "rest list roleassignments";
    return response;
  }
  if (steps[0].name == "items" && steps[0].argument.empty() && steps.size() == 1) {
    response = Items(request, web, list);
    response.route = "rest items";
    return response;
  }
  if (steps[0].name == "items" && !steps[0].argument.empty()) {
    const std::uint32_t count = list.library ? list.library->items : list.list->items;
    const auto item =
        static_cast<std::uint32_t>(std::strtoul(steps[0].argument.c_str(), nullptr, 10));
    if (item == 0 || item > count || !Exists(list, item)) {
      return RestError(404, "-2130575338, System.ArgumentException",
                       "Item does not exist. It may have been deleted by another user.");
    }
    return ItemRoutes(request, web, list, item, Steps(steps.begin() + 1, steps.end()));
  }
  return RestError(404, "-1, Microsoft.SharePoint.Client.ResourceNotFoundException",
                   fmt::format("Cannot find resource for the request {}.", steps[0].name));
}

}  // namespace spa::sim
