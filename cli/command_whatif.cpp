// whatif: what taking a group, a guest domain, a class of links or a user away would change.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/access_answer.h"
#include "cli/access_question.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/terminal.h"
#include "core/ascii.h"
#include "core/log/terminal_text.h"
#include "permissions/access/what_if.h"

namespace spa {
namespace {

using answer::Json;

struct Count {
  Count() = default;
  std::size_t lost = 0, reduced = 0, kept = 0;
};

Error BadRemoval(const std::string& text) {
  return Error(ErrorCode::kUsage, fmt::format("\"{}\" cannot be taken away", text),
               "give group:NAME, user:NAME, guest-domain:DOMAIN or "
               "link-class:anonymous|organization|users");
}

Result<Taken> FindTaken(AccessModel& model, const std::string& text) {
  Taken taken;
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon + 1 == text.size()) return Fail(BadRemoval(text));
  const std::string kind = text.substr(0, colon), name = text.substr(colon + 1);
  Principals& principals = model.principals();
  if (kind == "link-class") {
    if (name != "anonymous" && name != "organization" && name != "users") {
      return Fail(BadRemoval(text));
    }
    taken.link_scope = name;
    return taken;
  }
  if (kind == "guest-domain") {
    std::vector<std::string> domains;
    for (Node node = 0; node < principals.size(); ++node) {
      const std::string domain = GuestDomainOf(principals.At(node));
      if (domain.empty()) continue;
      if (domain == AsciiLower(name)) taken.nodes.insert(node);
      domains.push_back(domain);
    }
    taken.accounts = true;
    if (!taken.nodes.empty()) return taken;
    std::sort(domains.begin(), domains.end());
    domains.erase(std::unique(domains.begin(), domains.end()), domains.end());
    const std::size_t all = domains.size();
    if (domains.size() > 5) domains.resize(5);
    return Fail(ErrorCode::kUsage,
                fmt::format("run {} knows no guest of \"{}\"", model.run().id, name),
                domains.empty() ? "it knows no guest at all"
                                : fmt::format("it knows guests of {}{}", fmt::join(domains, ", "),
                                              all > 5 ? ", …" : ""));
  }
  if (kind != "group" && kind != "user") return Fail(BadRemoval(text));
  // "group:ID" may be a key of the database, too.
  auto found = FindPrincipal(model, name);
  if (!found) return Fail(found.error());
  const Principal& principal = principals.At(*found);
  if (principal.is_group() != (kind == "group")) {
    return Fail(ErrorCode::kUsage, fmt::format("\"{}\" is a {}", name, KindOf(principal)),
                fmt::format("give it as {}:{}", principal.is_group() ? "group" : "user", name));
  }
  taken.nodes.insert(*found);
  taken.accounts = kind == "user";
  if (principal.kind == Principal::Kind::kGroup) {  // With it go its owners, as owners.
    const auto owners = principals.Find(fmt::format("group_owners:{}", AsciiLower(principal.id)));
    if (owners.size() == 1) taken.nodes.insert(owners.front());
  }
  return taken;
}

}  // namespace

Result<ExitCode> CommandWhatIf(const Invocation& invocation) {
  auto opened = OpenAccessModel(invocation);
  if (!opened) return Fail(opened.error());
  AccessModel& model = **opened;
  auto taken = FindTaken(model, invocation.flags.remove);
  if (!taken) return Fail(taken.error());
  WhatIf what_if(model.principals(), model.access(), model.index(), *std::move(taken));

  const auto limit = static_cast<std::size_t>(invocation.flags.limit);
  std::map<Node, Count> people;
  Count total;
  std::size_t scopes_concerned = 0;
  Json lost = Json::array(), kept = Json::array();
  std::vector<std::vector<std::string>> lost_rows = {{"LOSES", "ROLE", "TYPE", "OBJECT"}};
  std::vector<std::vector<std::string>> kept_rows = {{"KEEPS", "ROLE", "OBJECT", "BY"}};
  const auto room = [&](std::size_t used) { return limit == 0 || used < limit; };
  what_if.Run([&](std::span<const Oid> scopes, std::span<const Change> changes) {
    scopes_concerned += scopes.size();
    std::size_t losing = 0;
    for (const Change& change : changes) {
      Count& count = people[change.who];
      std::size_t Count::*field = change.after == Role::kNone     ? &Count::lost
                                  : change.after == change.before ? &Count::kept
                                                                  : &Count::reduced;
      count.*field += scopes.size();
      total.*field += scopes.size();
      losing += change.after == Role::kNone;
    }
    std::size_t listed = losing;
    for (const Oid oid : scopes) {
      const bool more_lost = losing > 0 && room(lost.size() + lost_rows.size() - 1);
      const bool more_kept = changes.size() > listed && room(kept.size() + kept_rows.size() - 1);
      if (!more_lost && !more_kept) return;
      const auto scope = model.access().GrantsOf(oid);
      if (!scope) continue;
      for (const Change& change : changes) {
        const Principal& who = model.principals().At(change.who);
        const bool gone = change.after == Role::kNone;
        if (!room(gone ? lost.size() + lost_rows.size() - 1 : kept.size() + kept_rows.size() - 1)) {
          continue;
        }
        Reach reach;
        if (!gone) (void)what_if.Afterwards(*scope, change.who, reach);
        if (invocation.flags.json) {
          Json line = answer::ObjectJson(scope->type, scope->id, scope->url);
          line["who"] = answer::PrincipalJson(who);
          line["role"] = Name(change.before);
          if (!gone) {
            line["role_after"] = Name(change.after);
            line["paths"] = answer::PathsJson(reach);
          }
          (gone ? lost : kept).push_back(std::move(line));
        } else if (gone) {
          lost_rows.push_back({answer::CallName(who), std::string(Name(change.before)),
                               std::string(Name(scope->type)), scope->url});
        } else {
          std::string role(Name(change.before));
          if (change.after != change.before) role += fmt::format(" → {}", Name(change.after));
          kept_rows.push_back({answer::CallName(who), std::move(role), scope->url,
                               reach.paths() > 0 ? answer::WaysText(reach) : ""});
        }
      }
    }
  });

  std::size_t losers = 0;
  std::vector<std::pair<Node, Count>> by_loss(people.begin(), people.end());
  for (const auto& [node, count] : by_loss) losers += count.lost > 0;
  std::stable_sort(by_loss.begin(), by_loss.end(),
                   [](const auto& a, const auto& b) { return a.second.lost > b.second.lost; });
  Json document;
  document["run_id"] = model.run().id;
  document["remove"] = invocation.flags.remove;
  document["scopes"] = scopes_concerned;
  document["losers"] = losers;
  document["lost"] = total.lost;
  document["reduced"] = total.reduced;
  document["kept"] = total.kept;
  Json counts = Json::array();
  for (const auto& [node, count] : by_loss) {
    if (!room(counts.size())) break;
    Json line;
    line["who"] = answer::PrincipalJson(model.principals().At(node));
    line["lost"] = count.lost;
    line["reduced"] = count.reduced;
    line["kept"] = count.kept;
    counts.push_back(std::move(line));
  }
  document["people"] = std::move(counts);
  document["lost_access"] = std::move(lost);
  document["kept_access"] = std::move(kept);

  std::string text = EscapeForTerminal(fmt::format(
                         "without {}: {} lose access in {} cases, over {} permission scopes; {} "
                         "cases with a weaker role, {} unchanged by another way",
                         invocation.flags.remove, losers, total.lost, scopes_concerned,
                         total.reduced, total.kept)) +
                     '\n';
  const auto more = [&](std::size_t shown, std::size_t all) {
    if (shown < all) text += fmt::format("… and {} more (--limit 0)\n", all - shown);
  };
  if (lost_rows.size() > 1) text += '\n' + RenderTable(lost_rows);
  more(lost_rows.size() - 1, total.lost);
  if (kept_rows.size() > 1) text += '\n' + RenderTable(kept_rows);
  more(kept_rows.size() - 1, total.kept + total.reduced);
  if (auto read = model.Check(); !read) return Fail(read.error());
  return invocation.flags.json ? answer::PrintJson(document) : Print(text);
}

}  // namespace spa
