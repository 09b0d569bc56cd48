package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Properties;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the plugin jar must hold, and what it must leave to DJL Serving. */
class PluginJarIT {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ai/djl/",
        "com/google/gson/",
        "com/google/common/",
        "com/fasterxml/",
        "io/netty/",
        "io/prometheus/metrics/config/",
        "io/prometheus/metrics/model/",
        "org/slf4j/",
        "org/apache/",
        "org/yaml/",
        "com/sun/jna/",
        "native/lib/",
      })
  void leavesOutWhatTheServerHasOrMayHave(String directory) throws IOException {
    try (JarFile jar = new JarFile(RealDjlServing.pluginJar().toFile())) {
      assertEquals(
          List.of(),
          jar.stream().map(ZipEntry::getName).filter(n -> n.startsWith(directory)).toList());
    }
  }

  @Test
  void exportsTheHandler() throws IOException {
    try (JarFile jar = new JarFile(RealDjlServing.pluginJar().toFile())) {
      Properties definition = new Properties();
      ZipEntry entry = jar.getEntry("META-INF/plugin.definition");
      assertNotNull(entry, "META-INF/plugin.definition");
      try (InputStream in = jar.getInputStream(entry)) {
        definition.load(in);
      }
      assertEquals("calm", definition.getProperty("name"));
      assertEquals(CalmPlugin.class.getName(), definition.getProperty("export"));
      assertNotNull(jar.getEntry(CalmPlugin.class.getName().replace('.', '/') + ".class"));
    }
  }
}
