// Eviction: which entry of a shard goes when room is needed.
//
// kHybrid: new entries pass through a small first-in-first-out window, a tenth of all. An entry
// that leaves the window duels with the next victim of the main queue, which is swept by SIEVE's
// hand: the one that was asked for more often lately (FrequencySketch) stays. What it was
// asked for within the window saves it from no sweep: a burst is not yet a habit. The window serves
// recency, the duel keeps scans and loops larger than the cache from flushing it: no trace known
// scores near zero (cache.md B.2 has the figures against LRU, SIEVE, ARC and S3-FIFO). Of the
// losers that were asked for moderately often one in 128 gets in all the same, so that nobody who
// makes keys collide in the sketch can lock an entry out (cache.md C.4 "Eviction").
//
// kLru and kS3Fifo are there to compare with.
//
// A hit moves nothing: it only counts in its node. The sketch hears of a node's hits when the hand
// passes it or it duels or leaves. LRU alone must be told of each hit (Touch).
//
// Threads: Node::Hit from any; everything else under the shard's mutex.
// Lifetime: nodes belong to the store, which unlinks them here before it lets go of them.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "cache/fingerprint.h"
#include "cache/frequency_sketch.h"

namespace spa {

enum class EvictionPolicy { kHybrid, kLru, kS3Fifo };
std::string_view NameOf(EvictionPolicy policy);  // "hybrid", "lru", "s3fifo"
std::optional<EvictionPolicy> EvictionPolicyNamed(std::string_view name);

class Eviction {
 public:
  // What a stored thing derives from.
  class Node : public boost::intrusive::list_base_hook<
                   boost::intrusive::link_mode<boost::intrusive::normal_link>> {
   public:
    explicit Node(const Fingerprint& print) : print_(print) {}

    void Hit() { hits_.store(hits() + 1, std::memory_order_relaxed); }
    // Since it was stored. Two hits at the same instant may count as one.
    std::uint32_t hits() const { return hits_.load(std::memory_order_relaxed); }
    const Fingerprint& fingerprint() const { return print_; }

   private:
    friend class Eviction;
    enum class Place : std::uint8_t { kNowhere, kWindow, kMain };

    const Fingerprint print_;
    std::atomic<std::uint32_t> hits_{0};
    std::uint32_t counted_ = 0;  // Of the hits: what uses_ and the sketch know of.
    std::uint8_t uses_ = 0;      // Sweeps the hand passes before the node falls.
    Place place_ = Place::kNowhere;
  };

  Eviction(EvictionPolicy policy, std::size_t entries);

  void Add(Node& node);
  void Remove(Node& node);
  // A hit, for LRU. A node that has gone meanwhile stays gone.
  void Touch(Node& node);
  // Unlinks and returns the node to give up, never `keep`; nullptr where there is no other.
  Node* PickVictim(const Node* keep);
  // To be called after adding, when nothing more has to go: lets the window overflow into main.
  void Settle();

 private:
  using Queue = boost::intrusive::list<Node>;

  // The fingerprints S3-FIFO remembers of what it gave up: as many as the main queue holds.
  class Ghosts {
   public:
    void Add(std::uint64_t print, std::size_t limit);
    bool Has(std::uint64_t print) const { return count_.contains(print); }

   private:
    std::deque<std::uint64_t> order_;
    std::unordered_map<std::uint64_t, int> count_;
  };

  Node* PickHybrid(const Node* keep);
  Node* PickLru(const Node* keep);
  Node* PickS3Fifo(const Node* keep);
  void Push(Queue& queue, Node& node, Node::Place place);
  void CountHits(Node& node);
  bool WindowOverfull(std::size_t leaving) const;
  void Promote();
  bool Admits(const Node& candidate, const Node& victim);
  Node* NextInMain(const Node* keep);

  const EvictionPolicy policy_;
  FrequencySketch sketch_;
  Queue window_;  // Newest at the front.
  Queue main_;    // Newest at the front; the hand walks from back to front.
  Queue::iterator hand_ = main_.end();
  Ghosts ghosts_;
  std::uint32_t losers_ = 0;
};

}  // namespace spa
