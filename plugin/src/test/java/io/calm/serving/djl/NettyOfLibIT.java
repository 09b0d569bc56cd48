package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Netty of our own distribution: one version of it, newer than the one compiled against. */
class NettyOfLibIT {
  private static final int FIRST_GOOD_PATCH = 140;

  @Test
  void libHasOneNewNetty() throws IOException {
    List<String> jars;
    try (Stream<Path> files = Files.list(Repository.path("plugin/target/lib"))) {
      jars =
          files
              .map(Path::getFileName)
              .map(Path::toString)
              .filter(n -> n.startsWith("netty-"))
              .toList();
    }
    Set<String> versions =
        jars.stream()
            .map(name -> name.replaceAll(".*-(4\\.\\d+\\.\\d+)\\.Final\\.jar", "$1"))
            .collect(Collectors.toSet());
    assertEquals(1, versions.size(), jars.toString());
    String[] version = versions.iterator().next().split("\\.", -1);
    assertEquals("4.1", version[0] + "." + version[1]);
    assertTrue(Integer.parseInt(version[2]) >= FIRST_GOOD_PATCH, versions.toString());
    assertEquals(8, jars.size(), jars.toString());
  }
}
