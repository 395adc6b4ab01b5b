#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "simulator/graph_service.h"
#include "simulator/json_out.h"

namespace spa::sim {
namespace {

// graph.md 6.2: the base price, less one with $select and one with $top below 20, at least one.
int Price(const Request& request, int base) {
  const std::string top(request.Query("$top"));
  const bool small = !top.empty() && std::strtol(top.c_str(), nullptr, 10) < 20;
  return std::max(1, base - !SelectsAll(request) - small);
}

Response DirectoryError(int status, std::string_view code, std::string_view message,
                        const char* route) {
  Response response = GraphError(status, code, message);
  response.family = Family::kDirectory;
  response.route = route;
  response.units = 1;
  return response;
}

Response NoSuchObject(std::string_view id, const char* route) {
  return DirectoryError(
      404, "Request_ResourceNotFound",
      fmt::format("Resource '{}' does not exist or one of its queried reference-property objects "
                  "are not present.",
                  id),
      route);
}

void WriteUser(JsonOut& json, const Request& request, const User& user, bool with_type) {
  const bool all = SelectsAll(request);
  auto wants = [&](const char* lower) { return all || Selects(request, lower); };
  json.Open('{');
  if (with_type) json.Field("@odata.type", "#microsoft.graph.user");
  json.Field("id", user.id);
  if (wants("displayname")) json.Field("displayName", user.name);
  if (wants("userprincipalname")) json.Field("userPrincipalName", user.upn);
  if (wants("mail")) json.Field("mail", user.mail);
  if (all) json.Null("jobTitle");
  // These come only when asked for by name.
  if (Selects(request, "usertype")) json.Field("userType", user.guest ? "Guest" : "Member");
  if (Selects(request, "accountenabled")) json.Field("accountEnabled", user.enabled);
  if (Selects(request, "externaluserstate")) {
    if (user.guest) {
      json.Field("externalUserState", user.pending ? "PendingAcceptance" : "Accepted");
    } else {
      json.Null("externalUserState");
    }
  }
  if (Selects(request, "externaluserstatechangedatetime")) {
    if (user.guest) {
      json.Field("externalUserStateChangeDateTime", "2025-02-03T10:11:12Z");
    } else {
      json.Null("externalUserStateChangeDateTime");
    }
  }
  json.Close('}');
}

void WriteGroup(JsonOut& json, const Request& request, const Group& group, bool with_type) {
  const bool all = SelectsAll(request);
  auto wants = [&](const char* lower) { return all || Selects(request, lower); };
  json.Open('{');
  if (with_type) json.Field("@odata.type", "#microsoft.graph.group");
  json.Field("id", group.id);
  if (wants("displayname")) json.Field("displayName", group.name);
  if (wants("mail")) {
    if (group.mail.empty()) {
      json.Null("mail");
    } else {
      json.Field("mail", group.mail);
    }
  }
  if (wants("grouptypes")) {
    json.Open("groupTypes", '[');
    if (group.m365) json.String("Unified");
    if (group.dynamic) json.String("DynamicMembership");
    json.Close(']');
  }
  if (wants("securityenabled")) json.Field("securityEnabled", !group.m365);
  if (wants("visibility")) {
    if (!group.m365 && !group.hidden) {
      json.Null("visibility");
    } else {
      json.Field("visibility", group.hidden      ? "HiddenMembership"
                               : group.is_public ? "Public"
                                                 : "Private");
    }
  }
  json.Close('}');
}

}  // namespace

// A role has no owners, no count and no page of a size of one's own choice.
Response GraphService::Groups(const Request& request, const Segments& path) {
  const bool role = path[0] == "directoryRoles";
  if (path.size() < 2 || (role && path.size() == 3 && path[2] != "members")) {
    // The one search there is: by the identifier a synchronised group had before.
    const std::string filter = Lower(request.Query("$filter"));
    constexpr std::string_view kBySid = "onpremisessecurityidentifier eq '";
    if (role || !filter.starts_with(kBySid)) {
      return DirectoryError(501, "NotImplemented", "Listing groups is not simulated.", "groups");
    }
    const std::string sid = filter.substr(kBySid.size(), filter.size() - kBySid.size() - 1);
    Response response;
    response.family = Family::kDirectory;
    response.route = "directory groups by sid";
    response.units = Price(request, 2);
    JsonOut json(response.body);
    json.Open('{').Open("value", '[');
    for (const Group& group : t_.directory().groups()) {
      if (group.sid == sid) WriteGroup(json, request, group, false);
    }
    json.Close(']').Close('}');
    return response;
  }
  const auto number = t_.directory().FindGroup(path[1]);
  if (!number) {
    if (!ParseGuid(path[1])) {
      return DirectoryError(400, "Request_BadRequest",
                            fmt::format("Invalid object identifier '{}'.", path[1]),
                            "directory group");
    }
    return NoSuchObject(path[1], "directory group");
  }
  const Group& group = t_.directory().groups()[*number];
  if (group.deleted || group.role != role) return NoSuchObject(path[1], "directory group");
  Response response;
  response.family = Family::kDirectory;
  JsonOut json(response.body);
  if (path.size() == 2) {
    response.route = "directory group";
    response.units = Price(request, 1);
    WriteGroup(json, request, group, false);
    response.body.insert(1, fmt::format("\"@odata.context\":\"{}/v1.0/$metadata#groups/$entity\",",
                                        request.Origin()));
    return response;
  }
  const std::string& what = path[2];
  const bool transitive = what == "transitiveMembers";
  const bool owners = what == "owners";
  if (!transitive && !owners && what != "members") {
    return DirectoryError(400, "BadRequest",
                          fmt::format("Resource not found for the segment '{}'.", what),
                          "directory group");
  }
  response.route = transitive ? "directory transitiveMembers"
                              : (owners ? "directory owners" : "directory members");
  response.units = Price(request, transitive ? 5 : (owners ? 2 : 3));
  const auto& roles = t_.spec().wire.roles;
  const bool may_read_hidden =
      std::find(roles.begin(), roles.end(), "Member.Read.Hidden") != roles.end();
  if (group.hidden && !owners && !may_read_hidden) {
    return DirectoryError(403, "Authorization_RequestDenied",
                          "Insufficient privileges to complete the operation.", response.route);
  }
  Directory::Membership members = transitive ? t_.directory().TransitiveMembers(*number)
                                  : owners   ? Directory::Membership{group.owners, {}}
                                             : t_.directory().Members(*number);
  if (path.size() > 3 && path[3] == "$count") {
    if (Lower(request.Header("consistencylevel")) != "eventual") {
      return DirectoryError(400, "Request_BadRequest", "$count needs ConsistencyLevel: eventual.",
                            response.route);
    }
    response.content_type = "text/plain";
    response.body = std::to_string(members.users.size() + members.groups.size());
    return response;
  }
  if (path.size() > 3 && path[3] == "microsoft.graph.user") members.groups.clear();
  if (path.size() > 3 && path[3] == "microsoft.graph.group") members.users.clear();

  std::size_t page = static_cast<std::size_t>(t_.spec().wire.members_page);
  if (request.HasQuery("$top")) {
    page = std::strtoul(std::string(request.Query("$top")).c_str(), nullptr, 10);
    if (page < 1 || page > 999) {
      return DirectoryError(400, "Request_BadRequest", "Invalid page size specified: $top.",
                            response.route);
    }
  }
  const std::size_t total = members.users.size() + members.groups.size();
  std::size_t first = 0;
  if (const auto token = FromBase64(request.Query("$skiptoken")); token && !token->empty()) {
    first = std::min<std::size_t>(total, std::strtoul(token->c_str() + 1, nullptr, 10));
  }
  const std::size_t end = std::min(total, first + page);
  json.Open('{').Field("@odata.context", request.Origin() + "/v1.0/$metadata#directoryObjects");
  if (Lower(request.Query("$count")) == "true") json.Field("@odata.count", total);
  json.Open("value", '[');
  for (std::size_t i = first; i < end; ++i) {
    if (i < members.groups.size()) {
      WriteGroup(json, request, t_.directory().groups()[members.groups[i]], true);
    } else {
      WriteUser(json, request, t_.directory().UserAt(members.users[i - members.groups.size()]),
                true);
    }
  }
  json.Close(']');
  if (end < total) {
    std::string next = fmt::format("{}/{}/{}/{}", Base(request), path[0], group.id, what);
    if (path.size() > 3) next += "/" + path[3];
    next += "?";
    if (request.HasQuery("$select")) {
      next += "$select=" + PercentEncode(request.Query("$select")) + "&";
    }
    if (request.HasQuery("$top")) next += fmt::format("$top={}&", page);
    json.Field("@odata.nextLink", next + "$skiptoken=" + Base64Url(fmt::format("R{}", end)));
  }
  json.Close('}');
  return response;
}

Response GraphService::Users(const Request& request, const Segments& path) {
  if (path.size() == 1) return ListGuests(request);
  if (path.size() != 2) {
    return DirectoryError(501, "NotImplemented", "Only /users/{id} is simulated.",
                          "directory user");
  }
  const auto& held = t_.spec().wire.roles;
  const auto holds = [&](std::string_view role) {
    return std::find(held.begin(), held.end(), role) != held.end();
  };
  if (!holds("User.Read.All") && !holds("Directory.Read.All")) {
    return DirectoryError(403, "Authorization_RequestDenied",
                          "Insufficient privileges to complete the operation.", "directory user");
  }
  const auto number = t_.directory().FindUser(path[1]);
  if (!number || t_.directory().IsDeleted(*number)) {
    return NoSuchObject(path[1], "directory user");
  }
  Response response;
  response.family = Family::kDirectory;
  response.route = "directory user";
  response.units = Price(request, 2);
  JsonOut json(response.body);
  WriteUser(json, request, t_.directory().UserAt(*number), false);
  return response;
}

// /directory/deletedItems/{id}, or /directory/deletedItems/microsoft.graph.user: what was deleted
// and may still be restored. A deleted user's name begins with the id.
Response GraphService::DeletedItems(const Request& request, const Segments& path) {
  constexpr char kRoute[] = "directory deletedItems";
  constexpr char kWhen[] = "2026-10-30T08:00:00Z";
  if (path.size() != 3 || path[1] != "deletedItems") {
    return DirectoryError(400, "BadRequest", "Resource not found for the segment.", kRoute);
  }
  const Directory& directory = t_.directory();
  Response response;
  response.family = Family::kDirectory;
  response.route = kRoute;
  response.units = Price(request, 2);
  JsonOut json(response.body);
  const auto write_user = [&](const User& user) {
    std::string bare = user.id;
    std::erase(bare, '-');
    json.Open('{').Field("@odata.type", "#microsoft.graph.user").Field("id", user.id);
    json.Field("displayName", user.name).Field("userPrincipalName", bare + user.upn);
    json.Field("mail", user.mail).Field("deletedDateTime", kWhen).Close('}');
  };
  if (path[2] == "microsoft.graph.user") {
    json.Open('{').Open("value", '[');
    for (std::uint32_t number = 0; number < directory.user_count(); ++number) {
      const User user = directory.UserAt(number);
      if (user.deleted && !user.purged) write_user(user);
    }
    json.Close(']').Close('}');
    return response;
  }
  if (!ParseGuid(path[2])) {
    return DirectoryError(400, "Request_BadRequest", "Invalid object identifier.", kRoute);
  }
  if (const auto number = directory.FindUser(path[2])) {
    const User user = directory.UserAt(*number);
    if (!user.deleted || user.purged) return NoSuchObject(path[2], kRoute);
    write_user(user);
    return response;
  }
  const auto number = directory.FindGroup(path[2]);
  if (!number) return NoSuchObject(path[2], kRoute);
  const Group& group = directory.groups()[*number];
  if (!group.deleted || group.purged) return NoSuchObject(path[2], kRoute);
  json.Open('{').Field("@odata.type", "#microsoft.graph.group").Field("id", group.id);
  json.Field("displayName", group.name).Field("deletedDateTime", kWhen).Close('}');
  return response;
}

// POST /directoryObjects/getByIds: what exists, in one answer; what does not is left out.
Response GraphService::GetByIds(const Request& request) {
  constexpr char kRoute[] = "directory getByIds";
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (request.method != "POST" || !body.is_object() || !body.contains("ids") ||
      !body["ids"].is_array()) {
    return DirectoryError(400, "Request_BadRequest", "A list of ids is expected.", kRoute);
  }
  if (body["ids"].size() > 1000) {
    return DirectoryError(400, "Request_BadRequest", "Too many identifiers.", kRoute);
  }
  Response response;
  response.family = Family::kDirectory;
  response.route = kRoute;
  response.units = Price(request, 3);
  JsonOut json(response.body);
  json.Open('{').Field("@odata.context", request.Origin() + "/v1.0/$metadata#directoryObjects");
  json.Open("value", '[');
  for (const auto& id : body["ids"]) {
    if (!id.is_string()) continue;
    const auto text = id.get<std::string>();
    if (const auto user = t_.directory().FindUser(text); user && !t_.directory().IsDeleted(*user)) {
      WriteUser(json, request, t_.directory().UserAt(*user), true);
    } else if (const auto group = t_.directory().FindGroup(text)) {
      if (!t_.directory().groups()[*group].deleted) {
        WriteGroup(json, request, t_.directory().groups()[*group], true);
      }
    }
  }
  json.Close(']').Close('}');
  return response;
}

}  // namespace spa::sim
