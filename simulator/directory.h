// Directory: the people and groups of the simulated tenant (permissions.md 4, 5).
//
// People are computed from their number, groups are kept. Everything follows from the seed and from
// the members that changes add and remove.
//
// Threads: any may ask while nobody changes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "simulator/ids.h"
#include "simulator/tenant_spec.h"

namespace spa::sim {

struct User {
  std::string id;  // directory id
  std::string name;
  std::string upn;  // as Graph spells it: guests with upper-case #EXT#
  std::string mail;
  std::string login;  // the claim SharePoint knows, lower case
  bool guest = false;
  bool enabled = true;
  bool pending = false;  // a guest who never accepted
  bool deleted = false;  // still in ACLs, gone from the directory
  bool purged = false;   // not among the deleted items, either
};

struct Group {
  std::string id;
  std::string name;
  std::string mail;
  bool m365 = false;
  bool hidden = false;   // reading its members is refused
  bool deleted = false;  // still in ACLs, gone from the directory
  bool purged = false;   // not among the deleted items, either
  bool role = false;     // a directory role: SharePoint knows it by the claim of a group
  bool dynamic = false;  // its members follow from a rule
  std::string sid;       // lower case; empty: SharePoint knows it by its id
  bool is_public = false;
  std::uint32_t first_user = 0;  // Members are this many users from here, wrapping around …
  std::uint32_t user_count = 0;
  std::vector<std::uint32_t> nested;          // … and these groups.
  std::vector<std::uint32_t> added, removed;  // users, by changes since
  std::vector<std::uint32_t> owners;          // users
};

class Directory {
 public:
  explicit Directory(const TenantSpec& spec);

  std::uint32_t user_count() const { return user_count_; }
  User UserAt(std::uint32_t number) const;
  // By directory id or userPrincipalName.
  std::optional<std::uint32_t> FindUser(std::string_view id) const;
  bool IsGuest(std::uint32_t number) const;
  bool IsDeleted(std::uint32_t number) const;

  const std::vector<Group>& groups() const { return groups_; }
  std::optional<std::uint32_t> FindGroup(std::string_view id) const;

  struct Membership {
    std::vector<std::uint32_t> users, groups;
  };
  Membership Members(std::uint32_t group) const;  // direct
  // False where nothing changes.
  bool AddMember(std::uint32_t group, std::uint32_t user);
  bool RemoveMember(std::uint32_t group, std::uint32_t user);
  Membership TransitiveMembers(std::uint32_t group) const;  // each once, cycles end

  std::string OtpMail(std::uint32_t number) const;  // SharePoint-only guests have just this
  std::string OtpLogin(std::uint32_t number) const;
  std::string MembersClaim(std::uint32_t group) const;
  std::string OwnersClaim(std::uint32_t group) const;

 private:
  void MakeGroups(const TenantSpec& spec);

  std::uint64_t seed_;
  std::uint32_t user_count_;
  double guest_rate_, disabled_rate_, deleted_rate_;
  std::string domain_, initial_domain_;
  std::vector<Group> groups_;
  std::unordered_map<std::string, std::uint32_t> group_by_id_;
};

std::string Lower(std::string_view text);  // ASCII only

}  // namespace spa::sim
