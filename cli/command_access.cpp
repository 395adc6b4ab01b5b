// who, what, why, cut: questions about who reaches what, answered from the database alone.
#include <fmt/format.h>

#include <algorithm>

#include "cli/access_answer.h"
#include "cli/access_question.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/terminal.h"
#include "core/log/terminal_text.h"
#include "permissions/access/explain.h"

namespace spa {
namespace {

using answer::Json;

Json HeadOf(const AccessModel& model, const AskedObject& asked) {
  Json json;
  json["run_id"] = model.run().id;
  json["object"] = answer::ObjectJson(asked.face.type, asked.face.id, asked.face.url);
  json["inherits"] = asked.face.owner != asked.face.oid;
  json["scope"] = answer::ObjectJson(asked.scope.type, asked.scope.id, asked.scope.url);
  json["coverage"] = Name(asked.state.state);
  return json;
}

// "file https://… inherits from library https://…"
std::string HeadText(const AskedObject& asked) {
  std::string text = fmt::format("{} {}", Name(asked.face.type), asked.face.url);
  if (asked.face.owner != asked.face.oid) {
    text += fmt::format(" has the permissions of {} {}", Name(asked.scope.type), asked.scope.url);
  }
  text = EscapeForTerminal(text) + '\n';
  if (asked.state.state != CoverageState::kRead && asked.state.state != CoverageState::kInherited) {
    text += EscapeForTerminal(fmt::format("what follows may be wrong: {} ({})", asked.state.reason,
                                          Name(asked.state.state))) +
            '\n';
  }
  return text;
}

// The groups on the way whose members are not known.
std::vector<Node> UnreadGroups(AccessModel& model, const ScopeGrants& scope) {
  std::vector<Node> unread;
  using State = Principal::State;
  const auto look = [&](Node group) {
    for (const Chain& chain : model.access().expansions().Of(group)->chains) {
      const State state = model.principals().At(chain.group).state;
      const bool inside = state == State::kNotAsked && chain.before != UINT32_MAX;
      const bool known = state == State::kRead || state == State::kDeleted || inside;
      if (!known) unread.push_back(chain.group);
    }
  };
  for (const ScopeGrant& grant : scope.grants) {
    for (const Node group : grant.groups) look(group);
    if (grant.principal != kNoNode && model.principals().At(grant.principal).is_group()) {
      look(grant.principal);
    }
  }
  std::sort(unread.begin(), unread.end());
  unread.erase(std::unique(unread.begin(), unread.end()), unread.end());
  return unread;
}

std::string Plural(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::vector<std::string> RowOf(const std::string& who, const Reach& reach) {
  return {who, std::string(Name(reach.role)),
          reach.needs_link ? "needs the link" : std::string(reach.user_type),
          reach.blocked_by.empty() ? "" : fmt::format("blocked: {}", reach.blocked_by),
          answer::WaysText(reach)};
}

Result<ExitCode> Finish(AccessModel& model, bool json, const Json& document,
                        const std::string& text) {
  if (auto read = model.Check(); !read) return Fail(read.error());
  return json ? answer::PrintJson(document) : Print(text);
}

Json HopJson(AccessRows& rows, const ExplainedHop& hop) {
  Json json;
  json["kind"] = hop.kind;
  json["id"] = hop.id;
  json["name"] = hop.name;
  json["since_run"] = hop.since == 0 ? Json(nullptr) : Json(rows.IdOfRun(hop.since));
  json["since"] = hop.since == 0 ? Json(nullptr) : Json(rows.StartOf(hop.since));
  return json;
}

// A principal and an object, as `why` and `cut` ask for them.
struct AskedPair {
  static Result<AskedPair> Find(const Invocation& invocation) {
    auto model = OpenAccessModel(invocation);
    if (!model) return Fail(model.error());
    const auto node = FindPrincipal(**model, invocation.flags.principal);
    if (!node) return Fail(node.error());
    auto object = FindObject(**model, invocation.flags.object);
    if (!object) return Fail(object.error());
    return AskedPair(std::move(*model), *node, std::move(*object));
  }
  AskedPair(std::unique_ptr<AccessModel> model, Node node, AskedObject object)
      : model(std::move(model)), node(node), object(std::move(object)) {}

  const Principal& who() const { return model->principals().At(node); }
  Json Document() const {
    Json json = HeadOf(*model, object);
    json["principal"] = answer::PrincipalJson(who());
    return json;
  }

  std::unique_ptr<AccessModel> model;
  Node node;
  AskedObject object;
};

}  // namespace

Result<ExitCode> CommandWho(const Invocation& invocation) {
  auto opened = OpenAccessModel(invocation);
  if (!opened) return Fail(opened.error());
  AccessModel& model = **opened;
  const auto asked = FindObject(model, invocation.flags.object);
  if (!asked) return Fail(asked.error());
  const auto limit = static_cast<std::size_t>(invocation.flags.limit);

  Json document = HeadOf(model, *asked);
  document["bound"] = Name(model.access().BoundOf(asked->scope));
  Json list = Json::array(), unread = Json::array();
  std::vector<std::vector<std::string>> rows = {{"WHO", "ROLE", "", "", "HOW"}};
  std::size_t total = 0;
  model.access().Reaches(asked->scope, [&](const Reach& reach) {
    if (++total > limit && limit != 0) return true;
    if (invocation.flags.json) {
      Json line;
      line["audience"] = Name(reach.audience);
      line["user_id"] = answer::OrNull(reach.user_id);
      line["user_principal_name"] = answer::OrNull(reach.user_principal_name);
      line["user_name"] = answer::OrNull(reach.user_name);
      line["user_type"] = answer::OrNull(reach.user_type);
      answer::PutReach(line, reach);
      list.push_back(std::move(line));
      return true;
    }
    const std::string_view login = reach.user_principal_name;
    std::string who(reach.user_name.empty() ? login : reach.user_name);
    if (!login.empty() && login != reach.user_name) who += fmt::format(" <{}>", login);
    rows.push_back(RowOf(who, reach));
    return true;
  });
  std::string text = HeadText(*asked) + RenderTable(rows);
  if (limit != 0 && total > limit)
    text += fmt::format("… and {} more (--limit 0)\n", total - limit);
  for (const Node node : UnreadGroups(model, asked->scope)) {
    const Principal& group = model.principals().At(node);
    unread.push_back(answer::PrincipalJson(group));
    text +=
        EscapeForTerminal(fmt::format("also the members of {} {}, which are not known ({})",
                                      KindOf(group), answer::CallName(group), Name(group.state))) +
        '\n';
  }
  document["total"] = total;
  document["reached_by"] = std::move(list);
  document["unread_groups"] = std::move(unread);
  return Finish(model, invocation.flags.json, document, text);
}

Result<ExitCode> CommandWhat(const Invocation& invocation) {
  auto opened = OpenAccessModel(invocation);
  if (!opened) return Fail(opened.error());
  AccessModel& model = **opened;
  const auto found = FindPrincipal(model, invocation.flags.principal);
  if (!found) return Fail(found.error());
  const Node node = *found;
  const Principal& who = model.principals().At(node);
  const auto limit = static_cast<std::size_t>(invocation.flags.limit);

  // The scopes that name it, a group it stands in or an audience it belongs to.
  const std::vector<Node> selves = model.access().SelvesOf(node);
  const auto scopes = model.index().GrantedToAny(GroupsAbove(model.principals(), selves));
  struct Line {
    Line() = default;
    Json json;
    std::vector<std::string> row;
    bool needs_link = false;
    std::string url;
  };
  std::vector<Line> lines;
  std::size_t total = 0, with_link = 0;
  Reach reach;
  for (const Oid oid : scopes) {
    const auto scope = model.access().GrantsOf(oid);
    if (!scope || !model.access().ReachOf(*scope, selves, reach)) continue;
    ++total;
    with_link += reach.needs_link;
    Line line;
    line.needs_link = reach.needs_link;
    line.url = scope->url;
    if (invocation.flags.json) {
      line.json = answer::ObjectJson(scope->type, scope->id, scope->url);
      answer::PutReach(line.json, reach);
    } else {
      line.row = {std::string(Name(scope->type)), scope->url, std::string(Name(reach.role)),
                  reach.needs_link           ? "needs the link"
                  : reach.blocked_by.empty() ? ""
                                             : fmt::format("blocked: {}", reach.blocked_by),
                  answer::WaysText(reach)};
    }
    lines.push_back(std::move(line));
  }
  // What needs no link first, each by address.
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return std::tie(a.needs_link, a.url) < std::tie(b.needs_link, b.url);
  });
  if (limit != 0 && lines.size() > limit) lines.resize(limit);
  Json document;
  document["run_id"] = model.run().id;
  document["principal"] = answer::PrincipalJson(who);
  document["total"] = total;
  document["only_with_link"] = with_link;
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"TYPE", "OBJECT", "ROLE", "", "HOW"}};
  for (Line& line : lines) {
    if (invocation.flags.json) {
      list.push_back(std::move(line.json));
    } else {
      rows.push_back(std::move(line.row));
    }
  }
  document["reaches"] = std::move(list);
  std::string text = EscapeForTerminal(fmt::format(
                         "{} {} reaches {}, {} only by a link it would have to have", KindOf(who),
                         answer::CallName(who),
                         Plural(total, "permission scope", "permission scopes"), with_link)) +
                     '\n';
  if (rows.size() > 1) text += RenderTable(rows);
  if (limit != 0 && total > limit)
    text += fmt::format("… and {} more (--limit 0)\n", total - limit);
  return Finish(model, invocation.flags.json, document, text);
}

Result<ExitCode> CommandWhy(const Invocation& invocation) {
  const auto pair = AskedPair::Find(invocation);
  if (!pair) return Fail(pair.error());
  AccessModel& model = *pair->model;
  const AskedObject& asked = pair->object;
  const Principal& who = pair->who();
  const auto explanation = ExplainAccess(model.rows(), model.access(), asked.scope, pair->node);
  Reach reach;
  const bool reached =
      model.access().ReachOf(asked.scope, model.access().SelvesOf(pair->node), reach);

  Json document = pair->Document();
  document["access"] = reached && reach.blocked_by.empty();
  document["role"] = reached ? Json(Name(reach.role)) : Json(nullptr);
  document["needs_link"] = reached && reach.needs_link;
  document["blocked_by"] = answer::OrNull(reach.blocked_by);
  document["bound"] = Name(model.access().BoundOf(asked.scope));
  document["more_paths"] = explanation.more;
  std::string text = HeadText(asked);
  text += EscapeForTerminal(
              !reached ? fmt::format("{} does not reach it", answer::CallName(who))
              : reach.blocked_by.empty()
                  ? fmt::format("{} reaches it with role {}{}, by {}", answer::CallName(who),
                                Name(reach.role), reach.needs_link ? " and a link" : "",
                                Plural(explanation.paths.size(), "path", "paths"))
                  : fmt::format("{} would reach it with role {}, but is blocked: {}",
                                answer::CallName(who), Name(reach.role), reach.blocked_by)) +
          '\n';
  if (!reached && model.access().BoundOf(asked.scope) == Bound::kLower) {
    text += "as far as is known: the members of a group on the way could not be read\n";
  }
  Json paths = Json::array();
  std::size_t number = 0;
  for (const ExplainedPath& path : explanation.paths) {
    Json line;
    line["role"] = Name(path.role);
    line["grant_id"] = path.grant_id;
    line["needs_link"] = path.needs_link;
    line["blocked_by"] = path.expired ? Json("expired")
                         : path.shut  ? Json("sharing_off")
                                      : Json(nullptr);
    line["since_run"] = path.since == 0 ? Json(nullptr) : Json(model.rows().IdOfRun(path.since));
    line["since"] = path.since == 0 ? Json(nullptr) : Json(model.rows().StartOf(path.since));
    line["hops"] = Json::array();
    text += fmt::format("\npath {}: {}{}{}\n", ++number, Name(path.role),
                        path.needs_link ? ", needs the link" : "",
                        path.expired ? ", the link has expired"
                        : path.shut  ? ", sharing is off"
                                     : "");
    for (const ExplainedHop& hop : path.hops) {
      line["hops"].push_back(HopJson(model.rows(), hop));
      text +=
          EscapeForTerminal(fmt::format(
              "  {} {} {}{}", hop.kind, hop.name, hop.id.empty() ? "" : "[" + hop.id + "]",
              hop.since == 0 ? ""
                             : fmt::format(", seen since {}", model.rows().StartOf(hop.since)))) +
          '\n';
    }
    paths.push_back(std::move(line));
  }
  if (explanation.more) text += "… and more paths like these\n";
  document["paths"] = std::move(paths);
  return Finish(model, invocation.flags.json, document, text);
}

Result<ExitCode> CommandCut(const Invocation& invocation) {
  const auto pair = AskedPair::Find(invocation);
  if (!pair) return Fail(pair.error());
  AccessModel& model = *pair->model;
  const AskedObject& asked = pair->object;
  const Principal& who = pair->who();
  const AccessCut cut = CutAccess(model.principals(), model.access(), asked.scope, pair->node);

  Json document = pair->Document();
  document["access"] = cut.access;
  document["bound"] = Name(model.access().BoundOf(asked.scope));
  document["size"] = cut.removals.size();
  Json list = Json::array();
  std::string text = HeadText(asked);
  text +=
      EscapeForTerminal(cut.access ? fmt::format("to end the access of {}, remove all of these {}:",
                                                 answer::CallName(who), cut.removals.size())
                                   : fmt::format("{} does not reach it", answer::CallName(who))) +
      '\n';
  for (const Removal& removal : cut.removals) {
    Json line;
    line["remove"] = Name(removal.kind);
    std::string words;
    if (removal.kind == Removal::Kind::kMembership) {
      const Principal& group = model.principals().At(removal.group);
      const Principal& member = model.principals().At(removal.member);
      line["member"] = answer::PrincipalJson(member);
      line["group"] = answer::PrincipalJson(group);
      const bool link = !group.link_id.empty();
      words = fmt::format("the membership of {} {} in {} {}", KindOf(member),
                          answer::CallName(member), link ? "the group of link" : KindOf(group),
                          link ? std::string(group.link_id) : answer::CallName(group));
    } else {
      const ScopeGrant& grant = asked.scope.grants[removal.grant];
      line["grant_id"] = grant.grant_id;
      line["role"] = Name(grant.role);
      line["object"] = answer::ObjectJson(asked.scope.type, asked.scope.id, asked.scope.url);
      if (grant.is_link) {
        line["link_id"] = grant.link_id;
        words = fmt::format("{}the {} link {}",
                            removal.kind == Removal::Kind::kLinkPerson ? "the name in " : "",
                            grant.name, grant.link_id);
      } else {
        const Principal& granted = model.principals().At(grant.principal);
        line["principal"] = answer::PrincipalJson(granted);
        line["site_wide"] = grant.site_wide;
        words = fmt::format("the grant of {} to {} {} on {}", Name(grant.role), KindOf(granted),
                            answer::CallName(granted),
                            grant.site_wide ? "the whole site collection" : asked.scope.url);
      }
    }
    text += EscapeForTerminal("  " + words) + '\n';
    list.push_back(std::move(line));
  }
  document["removals"] = std::move(list);
  return Finish(model, invocation.flags.json, document, text);
}

}  // namespace spa
