// Caffeine, driven as ours.cpp drives MemoryStore. Keys asked for are other objects than those
// stored, so that equal keys are compared; Java keeps their hash, as CacheKey does.
import com.github.benmanes.caffeine.cache.*;
import java.nio.*;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.concurrent.atomic.AtomicLong;

public class CaffeinePeer {
  static final class Value {
    final int number;
    final byte[] rest = new byte[180];
    Value(int number) { this.number = number; }
  }

  public static void main(String[] args) throws Exception {
    ByteBuffer in;
    try (var file = FileChannel.open(Path.of(args[0]))) {
      in = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size()).order(ByteOrder.LITTLE_ENDIAN);
    }
    int keyCount = in.getInt(), keyBytes = in.getInt(), length = in.getInt();
    in.getInt();
    String[] keys = new String[keyCount], stored = new String[keyCount];
    byte[] text = new byte[keyBytes];
    for (int i = 0; i < keyCount; i++) {
      in.get(text);
      keys[i] = new String(text, StandardCharsets.ISO_8859_1);
      stored[i] = new String(text, StandardCharsets.ISO_8859_1);
    }
    int[] sequence = new int[length];
    in.asIntBuffer().get(sequence);
    int capacity = Integer.parseInt(args[1]), threads = Integer.parseInt(args[2]);
    boolean gets = args[4].equals("gets");

    var system = (com.sun.management.OperatingSystemMXBean)
        java.lang.management.ManagementFactory.getOperatingSystemMXBean();
    double best = 0, bestOfProcessor = 0, ratio = 0;
    AtomicLong wrong = new AtomicLong();
    Cache<String, Value> cache = null;
    for (int round = 0; round < (gets ? 7 : 2); round++) {  // More than others: the compiler warms up.
      if (cache == null || !gets) {
        cache = Caffeine.newBuilder().maximumSize(capacity).executor(Runnable::run).build();
        if (gets) for (int i = 0; i < keyCount; i++) cache.put(stored[i], new Value(i));
      }
      Cache<String, Value> asked = cache;
      AtomicLong hits = new AtomicLong();
      Thread[] running = new Thread[threads];
      long started = System.nanoTime(), processorBefore = system.getProcessCpuTime();
      for (int t = 0; t < threads; t++) {
        int start = length / threads * t;
        running[t] = new Thread(() -> {
          long found = 0, bad = 0;
          for (int i = 0, at = start; i < length; i++) {
            int number = sequence[at];
            if (++at == length) at = 0;
            Value value = asked.getIfPresent(keys[number]);
            if (value != null) {
              found++;
              if (value.number != number) bad++;
            } else {
              asked.put(stored[number], new Value(number));
            }
          }
          hits.addAndGet(found);
          wrong.addAndGet(bad);
        });
        running[t].start();
      }
      for (Thread thread : running) thread.join();
      double lookups = (double) length * threads;
      best = Math.max(best, lookups * 1e9 / (System.nanoTime() - started));
      bestOfProcessor = Math.max(bestOfProcessor,
          lookups * threads * 1e9 / (system.getProcessCpuTime() - processorBefore));
      ratio = hits.get() / lookups;
    }
    System.out.printf("caffeine\t%s\t%d\t%.0f\t%.4f\t%d\t%.0f%n", args[4], threads, best, ratio, wrong.get(),
        bestOfProcessor);
  }
}
