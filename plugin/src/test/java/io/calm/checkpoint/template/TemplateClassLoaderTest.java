package io.calm.checkpoint.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.time.Clock;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** In a plugin of DJL Serving, threads have a class loader that sees nothing of the plugin. */
class TemplateClassLoaderTest {

  @Test
  void rendersOnAThreadWhoseLoaderSeesNoneOfOurClasses() {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    ClassLoader blind = ClassLoader.getPlatformClassLoader();
    thread.setContextClassLoader(blind);
    try {
      TemplateEngine engine = new TemplateEngine(Clock.systemUTC());
      assertEquals(
          "[1][2]",
          engine.render("{% for x in xs %}[{{ x }}]{% endfor %}", Map.of("xs", List.of(1, 2))));
      assertSame(blind, thread.getContextClassLoader());
    } finally {
      thread.setContextClassLoader(before);
    }
  }
}
