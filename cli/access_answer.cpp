#include "cli/access_answer.h"

#include "cli/files.h"

namespace spa::answer {

Json OrNull(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }

Json PrincipalJson(const Principal& principal) {
  Json json;
  json["kind"] = KindOf(principal);
  json["id"] = OrNull(principal.id);
  json["name"] = OrNull(principal.name);
  if (principal.kind == Principal::Kind::kPerson) {
    json["user_principal_name"] = OrNull(principal.login);
  }
  if (!principal.site_id.empty()) json["site_id"] = principal.site_id;
  if (principal.is_group()) json["state"] = Name(principal.state);
  return json;
}

Json ObjectJson(ObjectType type, std::string_view id, std::string_view url) {
  Json json;
  json["object_type"] = Name(type);
  json["object_id"] = id;
  json["object_url"] = url;
  return json;
}

Json PathsJson(const Reach& reach) {
  Json paths = Json::array();
  for (std::size_t i = 0; i < reach.paths(); ++i) {
    Json path = Json::array();
    for (const Hop& hop : reach.Path(i)) {
      Json step;
      step["kind"] = hop.kind;
      step["id"] = hop.id;
      step["name"] = hop.name;
      path.push_back(std::move(step));
    }
    paths.push_back(std::move(path));
  }
  return paths;
}

void PutReach(Json& json, const Reach& reach) {
  json["role"] = Name(reach.role);
  json["needs_link"] = reach.needs_link;
  json["blocked_by"] = OrNull(reach.blocked_by);
  json["paths"] = PathsJson(reach);
  json["more_paths"] = reach.more_paths;
}

std::string CallName(const Principal& principal) {
  const std::string_view name = principal.name, login = principal.login;
  if (principal.kind == Principal::Kind::kPerson && !login.empty()) {
    return name.empty() || name == login ? std::string(login) : fmt::format("{} <{}>", name, login);
  }
  return std::string(!name.empty() ? name : !principal.id.empty() ? principal.id : principal.key);
}

std::string WaysText(const Reach& reach) {
  std::string text = WayText(reach.Path(0));
  if (reach.paths() > 1) {
    text += fmt::format(" (+{}{})", reach.paths() - 1, reach.more_paths ? " or more" : "");
  }
  return text;
}

Result<ExitCode> PrintJson(const Json& json) {
  return Print(json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n');
}

}  // namespace spa::answer
