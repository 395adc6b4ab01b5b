// Addresses permission sets and member lists by their content: equal sets have equal hashes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/model.h"

namespace spa {

// In the order they are hashed and stored: by grant_id, then by everything else. Duplicates go.
std::vector<Grant> Normalised(std::span<const Grant> grants);
std::vector<Member> Normalised(std::span<const Member> members);

// 16 bytes of SHA-256. Of a Grant all fields count but `inherited`.
std::string ContentHash(std::span<const Grant> normalised);
std::string ContentHash(std::span<const Member> normalised);

}  // namespace spa
