#include "discovery/scope_method.h"

namespace spa {

bool HierarchyProven(const DriveEvidence& evidence, std::int64_t contradictions) {
  const bool root_has_key = evidence.root_seen && evidence.root_shared != SharedFacet::kAbsent;
  return root_has_key && evidence.any_empty_facet && contradictions == 0;
}

}  // namespace spa
