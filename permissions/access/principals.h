// Principals: everybody and every group of one run as one graph, and who is the same person.
//
// One identity per person: the directory id where any row tells it; else the user principal name
// (out of a claim or as the directory spells it), else the mail address (permissions.md 4). Two
// people who share a name or an address are never merged by it.
//
// Nodes are numbered in the order of all output: the audiences, then people by directory id and
// name, then applications, then groups. Memory: some 400 bytes a person and 4 a membership; a
// member list that several groups have is kept once.
//
// Threads: one. Lifetime: within its AccessRows while it is made, on its own afterwards.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/store/access_rows.h"

namespace spa {

using Node = std::uint32_t;
inline constexpr Node kNoNode = UINT32_MAX;
inline constexpr Node kAnyoneNode = 0, kOrganizationNode = 1, kEveryoneNode = 2;

struct Principal {
  Principal() = default;
  enum class Kind : std::uint8_t {
    kAudience,
    kPerson,
    kApplication,
    kGroup,
    kGroupOwners,
    kSiteGroup
  };
  enum class Guest : std::uint8_t { kUnknown, kMember, kGuest };
  // kStale: known from an earlier run. kDeleted: the directory has it no more. kNotAsked: only seen
  // inside another group, whose members may hold its own already.
  enum class State : std::uint8_t { kRead, kStale, kHidden, kDeleted, kFailed, kNotAsked };

  bool is_group() const { return kind >= Kind::kGroup; }
  bool is_guest() const { return guest == Guest::kGuest; }

  Kind kind = Kind::kPerson;
  Guest guest = Guest::kUnknown;  // people
  State state = State::kRead;     // groups: whether their members are known
  std::optional<bool> enabled;    // people: may they sign in
  bool gone = false;              // people: deleted, or unknown to the directory
  std::string_view id;            // directory id; of a site group its number
  std::string_view login;         // people: the user principal name, else a mail address
  std::string_view name, mail;
  std::string_view key;               // groups: as the database names them
  std::string_view site_id, link_id;  // site groups
  std::uint32_t list = UINT32_MAX;    // groups: which member list
};

std::string_view Name(Principal::State state);        // "read", "stale", "hidden", …
std::string_view KindOf(const Principal& principal);  // as a hop has it

// The user principal name or mail address a login stands for, in lower case: what follows the last
// "|" of a claim, without the mark of a SharePoint-only guest.
std::string NameOfLogin(std::string_view login);

class Principals {
 public:
  explicit Principals(AccessRows& rows);

  std::size_t size() const { return nodes_.size(); }
  const Principal& At(Node node) const { return nodes_[node]; }
  // Direct members, in output order; none where they are not known.
  std::span<const Node> MembersOf(Node group) const;
  // Some member cannot be told who it is.
  bool HasStrangers(Node group) const;
  // The groups a node stands in directly. Made at the first call.
  std::span<const Node> GroupsWith(Node member);

  // The principal of a grant; `site_id` is the topmost site's, for site groups. kNoNode: somebody
  // who cannot be told, for example a claim nobody knows.
  Node OfGrant(const GrantRow& grant, std::string_view site_id) const;
  Node GroupOfLink(std::string_view link_id) const;
  // A person or group by directory id; a person by address.
  Node ById(std::string_view id) const;
  Node ByAddress(std::string_view address) const;

  // Who of these is the same as `other`, a principal of another run: kNoNode where nobody is.
  Node SameAs(const Principal& other) const;

  // Whoever is called so: directory id, user principal name, mail address, login, group key, or
  // name. Several where it is ambiguous.
  std::vector<Node> Find(std::string_view text) const;
  // The names most like `text`, the likest first.
  std::vector<std::string> Nearest(std::string_view text, std::size_t most) const;

 private:
  using Names = std::unordered_map<std::string_view, Node>;  // Texts of texts_.
  struct Face {                                              // A person as one row has it.
    Face() = default;
    std::string_view id, login, name, mail;
    Principal::Guest guest = Principal::Guest::kUnknown;
    std::optional<bool> enabled;
    bool gone = false;
  };
  struct Stranger {  // A person without a directory id, told apart once all ids are known.
    Stranger() = default;
    std::uint32_t list = UINT32_MAX;
    std::string login, name, mail;
    Principal::Guest guest = Principal::Guest::kUnknown;
    std::optional<bool> enabled;
    bool gone = false;
  };

  std::string_view Keep(std::string_view text);
  // The node of that name, kNoNode where it is new; `fresh` tells.
  Node& Entry(Names& names, std::string_view text, bool& fresh);
  Node Add(Principal::Kind kind);
  Node AddKnown(const Face& face);  // with a directory id
  void Improve(Node person, const Face& face);
  Node AddGroup(std::string_view key, Principal::Kind kind, std::string_view id);
  void NameGroup(Node group, std::string_view name);
  Node AddApplication(std::string_view id, std::string_view name);
  void TakePerson(const Face& face, std::uint32_t list);
  void Resolve(const Stranger& stranger);
  void ReadGroups(AccessRows& rows);
  void ReadDirectory(AccessRows& rows);
  void ReadMembers(AccessRows& rows);
  void TakeMember(const MemberRow& row, std::uint32_t list);
  void ReadGrantees(AccessRows& rows);
  void Number();  // In output order.
  Node Lookup(const Names& names, std::string_view text) const;

  std::deque<std::string> texts_;  // Blocks that are never moved.
  std::vector<Principal> nodes_;
  std::vector<bool> from_directory_;  // people: the names are the directory's own
  std::vector<std::vector<Node>> lists_;
  std::vector<bool> strange_;  // by list
  std::unordered_map<std::int64_t, std::uint32_t> list_of_set_;
  std::vector<Stranger> strangers_;
  Names by_id_, by_login_, by_mail_, groups_, links_, applications_;
  std::vector<std::uint32_t> above_begin_;  // into above_, by node
  std::vector<Node> above_;
};

}  // namespace spa
