package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.benmanes.caffeine.cache.Caffeine;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executor;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * The caches of the plugin, built from its jar. Caffeine loads the class of a cache and of its
 * entries by a name that stands for the builder's settings, and shading keeps the classes of the
 * plugin's caches alone. A cache with other settings needs its classes in plugin/pom.xml and a test
 * here.
 */
class ShadedCachesIT {
  private static final String PACKAGE = "io.calm.shaded.caffeine.cache.";

  /** Settings of Caffeine's builder by the class that uses it. */
  private static final Map<String, Set<String>> BUILT =
      Map.of(
          "io.calm.generate.PrefixCache", Set.of("newBuilder", "maximumSize", "executor", "build"),
          "io.calm.serving.reply.TextLimits", Set.of("newBuilder", "weakKeys", "build"));

  @Test
  void theCachesOfThePluginAreTheOnesTestedHere() {
    JavaClasses classes =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.calm");
    Map<String, Set<String>> found = new TreeMap<>();
    classes.stream()
        .flatMap(type -> type.getMethodCallsFromSelf().stream())
        .filter(call -> call.getTargetOwner().getName().endsWith("caffeine.cache.Caffeine"))
        .filter(call -> !call.getOriginOwner().getPackageName().contains("caffeine"))
        .forEach(
            call ->
                found
                    .computeIfAbsent(call.getOriginOwner().getName(), name -> new TreeSet<>())
                    .add(call.getName()));
    assertEquals(new TreeMap<>(BUILT), found);
  }

  @Test
  void theJarHoldsTheClassesOfThoseCachesAlone() throws IOException {
    Pattern generated = Pattern.compile("io/calm/shaded/caffeine/cache/([A-Z]{2,})[.]class");
    try (JarFile jar = new JarFile(RealDjlServing.pluginJar().toFile())) {
      assertEquals(
          List.of("FS", "PS", "PSMS", "SS", "SSMS", "WS"),
          jar.stream()
              .map(entry -> generated.matcher(entry.getName()))
              .filter(Matcher::matches)
              .map(name -> name.group(1))
              .sorted()
              .toList());
    }
  }

  @Test
  void aCacheWithAMaximumSizeEvicts() throws Exception {
    try (URLClassLoader jar = jar()) {
      Object builder = call(newBuilder(jar), "maximumSize", long.class, 10L);
      Executor direct = Runnable::run;
      Object cache = call(call(builder, "executor", Executor.class, direct), "build");
      ConcurrentMap<Object, Object> map = map(cache);
      for (int i = 0; i < 1000; i++) {
        map.put(i, i);
        map.get(i / 2);
      }
      call(cache, "cleanUp");
      assertEquals(10, map.size());
      map.keySet().removeIf(key -> true);
      assertTrue(map.isEmpty());
    }
  }

  @Test
  void aLoadingCacheWithWeakKeysLoads() throws Exception {
    try (URLClassLoader jar = jar()) {
      Class<?> loader = jar.loadClass(PACKAGE + "CacheLoader");
      Object length =
          Proxy.newProxyInstance(
              jar,
              new Class<?>[] {loader},
              (proxy, method, arguments) -> {
                assertEquals("load", method.getName());
                return arguments[0].toString().length();
              });
      Object cache = call(call(newBuilder(jar), "weakKeys"), "build", loader, length);
      for (int i = 0; i < 1000; i++) {
        Object key = "key " + i;
        assertEquals(key.toString().length(), call(cache, "get", Object.class, key));
      }
      call(cache, "cleanUp");
    }
  }

  /** Opens the jar alone, so that no class of the test's own Caffeine stands in. */
  private static URLClassLoader jar() throws Exception {
    Path jar = RealDjlServing.pluginJar();
    return new URLClassLoader(
        new URL[] {jar.toUri().toURL()}, ClassLoader.getPlatformClassLoader());
  }

  private static Object newBuilder(ClassLoader jar) throws Exception {
    Class<?> builder = jar.loadClass(PACKAGE + Caffeine.class.getSimpleName());
    return builder.getMethod("newBuilder").invoke(null);
  }

  @SuppressWarnings("unchecked")
  private static ConcurrentMap<Object, Object> map(Object cache) throws Exception {
    return (ConcurrentMap<Object, Object>) call(cache, "asMap");
  }

  private static Object call(Object target, String name) throws Exception {
    return publicType(target).getMethod(name).invoke(target);
  }

  private static Object call(Object target, String name, Class<?> type, Object argument)
      throws Exception {
    return publicType(target).getMethod(name, type).invoke(target, argument);
  }

  /** Returns the public type of the jar through which a test calls an object. */
  private static Class<?> publicType(Object target) throws ClassNotFoundException {
    String name = target.getClass().getSimpleName();
    ClassLoader jar = target.getClass().getClassLoader();
    if (name.equals("Caffeine")) {
      return target.getClass();
    }
    Class<?> loading = jar.loadClass(PACKAGE + "LoadingCache");
    return loading.isInstance(target) ? loading : jar.loadClass(PACKAGE + "Cache");
  }
}
