// Decoders of the Graph answers that discovery reads. Each turns one body into a Page; kMalformed
// means that the body is not what was asked for and should be asked for again. Unknown keys are
// ignored, absent ones leave their field empty (graph.md 2.2, 3, 4.3, 7.15).
#pragma once

#include <string_view>

#include "core/graph/graph_client.h"
#include "core/model.h"

namespace spa {

Result<Page<Site>> DecodeSites(std::string_view body);
Result<Site> DecodeSite(std::string_view body);
Result<Page<Drive>> DecodeDrives(std::string_view body);
Result<Page<List>> DecodeLists(std::string_view body);

// A page of a drive's delta; one with neither a next nor a delta link is malformed (graph.md 4.2).
Result<Page<DriveItem>> DecodeDelta(std::string_view body);

// The list GUID inside a drive id (graph.md 3.1), lower case; empty where the id has another form.
std::string ListIdOfDrive(std::string_view drive_id);

}  // namespace spa
