#include "simulator/access_truth.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "simulator/json_out.h"
#include "simulator/principals.h"
#include "simulator/sharing.h"

namespace spa::sim {
namespace {

using Kind = Principal::Kind;
using PathText = std::vector<std::string>;  // "kind:id"

// What somebody reaches a scope by.
struct Found {
  std::string audience, user_id, name, user_type, blocked_by;
  struct Way {
    std::string role;
    bool needs_link = false, expired = false;
    PathText path;
  };
  std::vector<Way> ways;
};

int Strength(const std::string& role) {
  return role == "owner" ? 3 : role == "write" ? 2 : role == "read" ? 1 : 0;
}

std::string RoleOf(const std::vector<Level>& levels) {
  const std::uint64_t mask = Mask(levels);
  if ((mask & 0x2000000) != 0) return "owner";
  return (mask & 0xe) != 0 ? "write" : "read";
}

// All that reaches one scope.
class Scope {
 public:
  // `narrowed`: a list shows people only what they made.
  Scope(const SimulatedTenant& tenant, const Web& web, bool narrowed, std::string_view now)
      : t_(tenant), root_(tenant.webs()[web.collection]), narrowed_(narrowed), now_(now) {}

  void AddAll(const Acl& acl, std::string_view type, const std::string& id) {
    const std::string here = fmt::format("{}:{}", type, id);
    for (const Entry& entry : acl.entries) {
      if (!GivesAccess(entry.levels.front())) continue;
      way_ = {};
      way_.role = RoleOf(entry.levels);
      way_.path = {here};
      if (entry.who.kind == Kind::kLink) {
        AddLink(acl.links[entry.who.number], type == "list_item");
      } else {
        Add(entry.who);
      }
    }
    for (const Principal& admin : root_.admins) {
      way_ = {};
      way_.role = "owner";
      way_.path = {here, "site_admin:" + root_.id};
      Add(admin);
    }
  }

  void Write(std::string& out, std::string_view type, const std::string& id,
             const std::string& url) const {
    for (const auto& [key, found] : all_) {
      JsonOut json(out);
      json.Open('{').Field("object_type", type).Field("object_id", id).Field("object_url", url);
      json.Field("audience", found.audience);
      const auto or_null = [&](std::string_view field, const std::string& text) {
        if (text.empty()) {
          json.Null(field);
        } else {
          json.Field(field, text);
        }
      };
      or_null("user_id", found.user_id);
      or_null("user_principal_name", found.name);
      or_null("user_type", found.user_type);
      const bool open = std::any_of(found.ways.begin(), found.ways.end(),
                                    [](const Found::Way& way) { return !way.expired; });
      std::string role;
      bool needs_link = true;
      for (const Found::Way& way : found.ways) {
        if (open && way.expired) continue;
        if (Strength(way.role) > Strength(role)) role = way.role;
        needs_link = needs_link && way.needs_link;
      }
      json.Field("role", role).Field("needs_link", needs_link);
      // Guests, and links for anyone, are shut out where tenant or site do not let them in.
      const bool shut = open && ((found.audience == "anyone" && !LetsAnyoneIn(t_, root_)) ||
                                 (found.user_type == "guest" && !LetsGuestsIn(t_, root_)));
      or_null("blocked_by", !found.blocked_by.empty() ? found.blocked_by
                            : shut                    ? "sharing_off"
                            : open                    ? ""
                                                      : "expired");
      json.Open("paths", '[');
      for (const Found::Way& way : found.ways) {
        json.Open('[');
        for (const std::string& hop : way.path) json.String(hop);
        json.Close(']');
      }
      json.Close(']').Field("bound", lower_ && narrowed_ ? "open"
                                     : lower_            ? "lower"
                                     : narrowed_         ? "upper"
                                                         : "exact");
      json.Close('}');
      out += '\n';
    }
  }

 private:
  void Add(const Principal& who) {
    switch (who.kind) {
      case Kind::kUser:
        return Person(who.number);
      case Kind::kOtpGuest:
        return OtpGuest(who.number);
      case Kind::kGroup:
      case Kind::kGroupOwners:
        return Directory(who.number, who.kind == Kind::kGroupOwners);
      case Kind::kSiteGroup:
        way_.path.push_back(fmt::format("site_group:{}", who.number));
        for (const SiteGroup& group : root_.groups) {
          if (group.id != who.number) continue;
          for (const Principal& member : group.members) Add(member);
        }
        way_.path.pop_back();
        return;
      case Kind::kEveryone:
      case Kind::kWindowsEveryone:
        return Audience("everyone", "everyone:");
      case Kind::kEveryoneExceptExternal:
      case Kind::kForeignEveryoneExceptExternal:
        return Audience("organization", "everyone_except_external:");
      case Kind::kSharePointApp:
      case Kind::kLink:
        return;
    }
  }

  // Through all nesting, by every way that meets no group twice.
  void Directory(std::uint32_t number, bool owners) {
    const Group& group = t_.directory().groups()[number];
    const std::string hop = fmt::format("{}:{}", owners ? "group_owners" : "group", group.id);
    if (std::find(way_.path.begin(), way_.path.end(), hop) != way_.path.end()) return;
    if (group.deleted) return;  // There is nobody in it any more.
    if (group.hidden && !owners) {
      lower_ = true;
      return;
    }
    way_.path.push_back(hop);
    if (owners) {
      for (const auto user : group.owners) Person(user);
    } else {
      const auto members = t_.directory().Members(number);
      for (const auto user : members.users) Person(user);
      for (const auto child : members.groups) Directory(child, false);
    }
    way_.path.pop_back();
  }

  // Who stands in a link's hidden group needs no address; the audience of the link does. Of links
  // to items of lists only SharePoint tells: not when they end, nor whom a Flexible one is for.
  void AddLink(const Link& link, bool by_rest) {
    way_.expired = !by_rest && !link.expires.empty() && link.expires < now_;
    way_.path.push_back("link:" + link.id);
    for (const Principal& who : link.people) Add(who);
    way_.needs_link = true;
    if (by_rest && link.group_kind == "Flexible") {
      lower_ = true;
      return;
    }
    if (link.scope == "anonymous") Audience("anyone", "");
    if (link.scope == "organization") Audience("organization", "");
  }

  void Person(std::uint32_t number) {
    const User user = t_.directory().UserAt(number);
    Found& found = all_["4" + user.id];
    found.audience = "person";
    found.user_id = user.id;
    found.name = user.upn;
    found.user_type = user.guest ? "guest" : "member";
    found.blocked_by = user.deleted ? "deleted" : user.enabled ? "" : "disabled";
    Take(found, (user.guest ? "guest:" : "user:") + user.id);
  }

  void OtpGuest(std::uint32_t number) {
    Found& found = all_["3" + t_.directory().OtpMail(number)];
    found.audience = "person";
    found.name = t_.directory().OtpMail(number);
    found.user_type = "guest";
    Take(found, "guest:");
  }

  void Audience(const std::string& word, const std::string& hop) {
    Found& found = all_[word == "anyone" ? "0" : word == "organization" ? "1" : "2"];
    found.audience = word;
    Take(found, hop);
  }

  void Take(Found& found, const std::string& last) {
    found.ways.push_back(way_);
    if (!last.empty()) found.ways.back().path.push_back(last);
  }

  const SimulatedTenant& t_;
  const Web& root_;
  bool narrowed_;
  std::string_view now_;
  Found::Way way_;                    // the one under way
  std::map<std::string, Found> all_;  // audiences first, then by id
  bool lower_ = false;
};

// The owners of scopes, a web at a time.
class Walk {
 public:
  Walk(const SimulatedTenant& tenant, std::string origin, std::string now)
      : t_(tenant), origin_(std::move(origin)), now_(std::move(now)) {}

  bool Next(std::string& out) {
    if (web_ >= t_.webs().size()) return false;
    const Web& web = t_.webs()[web_++];
    if (web.state != SiteState::kOpen) return true;
    if (web.unique) Write(out, web, web.acl, "site", web.id, origin_ + web.path);
    for (const auto number : web.lists) Lists(out, web, t_.lists()[number]);
    for (const auto number : web.libraries) Libraries(out, web, t_.libraries()[number]);
    return true;
  }

 private:
  void Lists(std::string& out, const Web& web, const GenericList& list) {
    const std::string id = Text(list.list_id);
    const std::string url = fmt::format("{}{}/Lists/{}", origin_, web.path, list.url_name);
    const bool narrowed = ShowsOwnItems(t_, list);
    if (list.unique) Write(out, web, list.acl, "list", id, url, narrowed);
    for (std::uint32_t item = 1; item <= list.items; ++item) {
      if (!t_.Exists(list, item) || !t_.ListItemOwnsScope(list, item)) continue;
      Write(out, web, t_.ListItemAcl(list, item), "list_item", fmt::format("{}/{}", id, item),
            fmt::format("{}/{}_.000", url, item), narrowed);
    }
  }

  void Libraries(std::string& out, const Web& web, const Library& library) {
    if (library.deleted) return;
    for (std::uint32_t item = 0; item <= library.items; ++item) {
      if (!t_.Exists(library, item) || !t_.OwnsScope(library, item)) continue;
      std::string url = origin_;
      t_.AppendPath(url, library, item);
      Write(out, web, item == 0 ? library.acl : t_.OwnAcl(library, item),
            item == 0                    ? "library"
            : t_.IsFolder(library, item) ? "folder"
                                         : "file",
            t_.ItemId(library, item), url);
    }
  }

  void Write(std::string& out, const Web& web, const Acl& acl, std::string_view type,
             const std::string& id, const std::string& url, bool narrowed = false) {
    Scope scope(t_, web, narrowed, now_);
    scope.AddAll(acl, type, id);
    scope.Write(out, type, id, url);
  }

  const SimulatedTenant& t_;
  std::string origin_, now_;
  std::size_t web_ = 0;
};

}  // namespace

LineStream TrueAccess(const SimulatedTenant& tenant, std::string origin, std::string now) {
  return [walk = std::make_shared<Walk>(tenant, std::move(origin), std::move(now))](
             std::string& piece) { return walk->Next(piece); };
}

}  // namespace spa::sim
