#include "core/run_change.h"

namespace spa {
namespace {

struct Words {
  std::string_view name, section;
};

constexpr Words kWords[kChangeKinds] = {
    {"access_gained", "access"},         {"access_lost", "access"},
    {"access_changed", "access"},        {"link_created", "links"},
    {"link_removed", "links"},           {"link_changed", "links"},
    {"link_expired", "links"},           {"grant_added", "grants"},
    {"grant_removed", "grants"},         {"grant_changed", "grants"},
    {"scope_begun", "scopes"},           {"scope_ended", "scopes"},
    {"member_joined", "members"},        {"member_left", "members"},
    {"principal_changed", "principals"}, {"object_added", "objects"},
    {"object_removed", "objects"},       {"object_renamed", "objects"},
    {"object_moved", "objects"},         {"finding_new", "findings"},
    {"finding_closed", "findings"},      {"finding_changed", "findings"},
    {"not_known", "not_known"},
};

}  // namespace

std::string_view Name(ChangeKind kind) { return kWords[static_cast<std::size_t>(kind)].name; }
std::string_view SectionOf(ChangeKind kind) {
  return kWords[static_cast<std::size_t>(kind)].section;
}

}  // namespace spa
