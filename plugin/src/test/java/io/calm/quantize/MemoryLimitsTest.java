package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Limits of a file system with the files of Linux below another root. */
class MemoryLimitsTest {
  private static final long GIB = 1L << 30;

  @TempDir private Path root;

  @BeforeEach
  void writeMachine() throws IOException {
    machine(64, 50);
  }

  private void write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  private void machine(long total, long available) throws IOException {
    write(
        "proc/meminfo",
        "MemTotal:       %d kB\nMemFree:        1024 kB\nMemAvailable:   %d kB\n"
            .formatted(total << 20, available << 20));
  }

  private void groupTwo(String directory, String limit, long usage, long cache) throws IOException {
    write(directory + "/memory.max", limit + "\n");
    write(directory + "/memory.current", usage + "\n");
    write(
        directory + "/memory.stat",
        "anon %d\nfile %d\ninactive_file %d\nactive_file %d\n"
            .formatted(usage - cache, cache, cache - cache / 4, cache / 4));
  }

  private void groupOne(String directory, long limit, long usage, long cache) throws IOException {
    write(directory + "/memory.limit_in_bytes", limit + "\n");
    write(directory + "/memory.usage_in_bytes", usage + "\n");
    write(
        directory + "/memory.stat",
        "inactive_file 7\nactive_file 7\ntotal_inactive_file %d\ntotal_active_file %d\n"
            .formatted(cache - cache / 4, cache / 4));
  }

  @Test
  void theMachinesAvailableMemoryIsThatOfAProcessWithoutALimit() throws IOException {
    write("proc/self/cgroup", "0::/user.slice/session-1.scope\n");
    groupTwo("sys/fs/cgroup/user.slice", "max", 3 * GIB, GIB);
    assertEquals(50 * GIB, MemoryLimits.available(root, 64 * GIB, 3 * GIB));
  }

  @Test
  void memoryThatAContainerUsesIsNotAvailableButItsPageCacheIs() throws IOException {
    write("proc/self/cgroup", "0::/\n");
    groupTwo("sys/fs/cgroup", Long.toString(8 * GIB), 6 * GIB, GIB);
    assertEquals(3 * GIB, MemoryLimits.available(root, 8 * GIB, 2 * GIB));
  }

  @Test
  void theLowestLimitOfTheGroupsAboveApplies() throws IOException {
    write("proc/self/cgroup", "0::/pod/container\n");
    groupTwo("sys/fs/cgroup/pod/container", Long.toString(8 * GIB), 2 * GIB, 0);
    groupTwo("sys/fs/cgroup/pod", Long.toString(10 * GIB), 9 * GIB, GIB);
    assertEquals(2 * GIB, MemoryLimits.available(root, 8 * GIB, 6 * GIB));
  }

  @Test
  void theFirstVersionOfControlGroupsCountsWithSubgroups() throws IOException {
    write(
        "proc/self/cgroup", "5:cpu,cpuacct:/docker/1\n4:memory,hugetlb:/docker/1\n0::/docker/1\n");
    groupOne("sys/fs/cgroup/memory", 8 * GIB, 6 * GIB, GIB); // the container's own group is mounted
    assertEquals(3 * GIB, MemoryLimits.available(root, 8 * GIB, 2 * GIB));
    groupOne("sys/fs/cgroup/memory", 0x7ffffffffffff000L, 6 * GIB, GIB);
    assertEquals(50 * GIB, MemoryLimits.available(root, 64 * GIB, 2 * GIB));
  }

  @Test
  void aGroupAboveThatOfTheContainerIsNotReadElsewhere() throws IOException {
    write("proc/self/cgroup", "0::/../../other\n");
    groupTwo("sys/fs/cgroup", Long.toString(8 * GIB), 6 * GIB, GIB);
    groupTwo("sys/other", Long.toString(GIB), GIB, 0);
    assertEquals(3 * GIB, MemoryLimits.available(root, 8 * GIB, 2 * GIB));
  }

  @Test
  void aMachineWithLessMemoryThanTheLimitDecides() throws IOException {
    machine(64, 1);
    write("proc/self/cgroup", "0::/\n");
    groupTwo("sys/fs/cgroup", Long.toString(8 * GIB), 6 * GIB, GIB);
    assertEquals(GIB, MemoryLimits.available(root, 8 * GIB, 2 * GIB));
  }

  @Test
  void aUsageAboveTheLimitLeavesNothing() throws IOException {
    write("proc/self/cgroup", "0::/\n");
    groupTwo("sys/fs/cgroup", Long.toString(8 * GIB), 9 * GIB, 0);
    assertEquals(0, MemoryLimits.available(root, 8 * GIB, 0));
  }

  @Test
  void theJvmsNumbersCountIfTheGroupCannotBeRead() {
    assertEquals(2 * GIB, MemoryLimits.available(root, 8 * GIB, 2 * GIB));
  }

  @Test
  void theJvmsNumbersCountWithoutTheFilesOfLinux() {
    assertEquals(2 * GIB, MemoryLimits.available(root.resolve("none"), 8 * GIB, 2 * GIB));
  }

  @Test
  void thisMachineHasMemory() {
    assertTrue(MemoryLimits.available() > 0);
  }
}
