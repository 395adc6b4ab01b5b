// Which way of finding scope owners a drive's delta may be trusted with (graph.md 0.6, 4.8).
//
// `hierarchicalsharing` is a preference: a service may ignore it silently, and then inheriting
// items carry the facet while locked-down ones lack it. For an audit a false "inherits" is the bad
// error, so the facet counts only with positive proof: an empty facet, which only this preference
// makes, on the root or somewhere in the drive, and a root that carries the key, and nothing that
// contradicts.
#pragma once

#include "core/store/audit_store.h"

namespace spa {

// True when the evidence proves that the preference was honoured in this drive.
// `contradictions`: items that own a sharing link by another source, yet seem to inherit.
bool HierarchyProven(const DriveEvidence& evidence, std::int64_t contradictions);

}  // namespace spa
