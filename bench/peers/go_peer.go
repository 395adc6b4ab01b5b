// golang-lru and ristretto, driven as ours.cpp drives MemoryStore.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dgraph-io/ristretto"
	lru "github.com/hashicorp/golang-lru"
)

type value struct {
	number uint32
	rest   [196]byte
}

type peer interface {
	get(key string) (*value, bool)
	put(key string, v *value)
}

type golangLru struct{ *lru.Cache }

func (c golangLru) get(key string) (*value, bool) {
	if v, ok := c.Get(key); ok {
		return v.(*value), true
	}
	return nil, false
}
func (c golangLru) put(key string, v *value) { c.Add(key, v) }

type ristrettoCache struct{ *ristretto.Cache }

func (c ristrettoCache) get(key string) (*value, bool) {
	if v, ok := c.Get(key); ok {
		return v.(*value), true
	}
	return nil, false
}
func (c ristrettoCache) put(key string, v *value) { c.Set(key, v, 1) }

func make_(name string, capacity int) peer {
	if name == "ristretto" {
		c, _ := ristretto.NewCache(&ristretto.Config{
			NumCounters: int64(10 * capacity), MaxCost: int64(capacity), BufferItems: 64})
		return ristrettoCache{c}
	}
	c, _ := lru.New(capacity)
	return golangLru{c}
}

func processorSeconds() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(data[at:]) }
	count, size, length := int(word(0)), int(word(4)), int(word(8))
	keys, stored := make([]string, count), make([]string, count)
	for i := range keys {
		keys[i] = string(data[16+i*size : 16+(i+1)*size])
		stored[i] = string(data[16+i*size : 16+(i+1)*size])
	}
	sequence := make([]uint32, length)
	for i := range sequence {
		sequence[i] = word(16 + count*size + 4*i)
	}
	capacity, _ := strconv.Atoi(os.Args[2])
	threads, _ := strconv.Atoi(os.Args[3])
	name, mode := os.Args[4], os.Args[5]
	runtime.GOMAXPROCS(threads)

	best, bestOfProcessor, ratio, wrong := 0.0, 0.0, 0.0, int64(0)
	var cache peer
	rounds := 5
	if mode == "ratio" {
		rounds = 1
	}
	for round := 0; round < rounds; round++ {
		if cache == nil || mode == "ratio" {
			cache = make_(name, capacity)
			if mode == "gets" {
				for i, key := range stored {
					cache.put(key, &value{number: uint32(i)})
					if i%1000 == 0 {
						time.Sleep(time.Millisecond) // ristretto drops what comes too fast
					}
				}
			}
		}
		var hits int64
		var group sync.WaitGroup
		started, processorBefore := time.Now(), processorSeconds()
		for t := 0; t < threads; t++ {
			group.Add(1)
			go func(at int) {
				defer group.Done()
				found, bad := int64(0), int64(0)
				for i := 0; i < length; i++ {
					number := sequence[at]
					if at++; at == length {
						at = 0
					}
					if v, ok := cache.get(keys[number]); ok {
						found++
						if v.number != number {
							bad++
						}
					} else {
						cache.put(stored[number], &value{number: number})
					}
				}
				atomic.AddInt64(&hits, found)
				atomic.AddInt64(&wrong, bad)
			}(length / threads * t)
		}
		group.Wait()
		lookups := float64(length) * float64(threads)
		if rate := lookups / time.Since(started).Seconds(); rate > best {
			best = rate
		}
		if rate := lookups * float64(threads) / (processorSeconds() - processorBefore); rate > bestOfProcessor {
			bestOfProcessor = rate
		}
		ratio = float64(hits) / lookups
	}
	fmt.Printf("%s\t%s\t%d\t%.0f\t%.4f\t%d\t%.0f\n", name, mode, threads, best, ratio, wrong, bestOfProcessor)
}
