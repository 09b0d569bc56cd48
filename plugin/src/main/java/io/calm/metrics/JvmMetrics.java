package io.calm.metrics;

import io.prometheus.client.CollectorRegistry;
import io.prometheus.client.hotspot.BufferPoolsExports;
import io.prometheus.client.hotspot.ClassLoadingExports;
import io.prometheus.client.hotspot.GarbageCollectorExports;
import io.prometheus.client.hotspot.MemoryPoolsExports;
import io.prometheus.client.hotspot.StandardExports;
import io.prometheus.client.hotspot.ThreadExports;
import io.prometheus.client.hotspot.VersionInfoExports;

/**
 * The {@code process_*} and {@code jvm_*} metrics of simpleclient, in a registry of their own. They
 * are simpleclient's default exports without the allocation counters, whose listener at the
 * collector would live as long as the process.
 *
 * <p>They are not shown at the endpoint of a surrounding server: an agent in the same process may
 * have registered the same names there, and a name that is registered twice fails the whole scrape.
 */
final class JvmMetrics {
  private JvmMetrics() {}

  static CollectorRegistry registry() {
    CollectorRegistry registry = new CollectorRegistry();
    new StandardExports().register(registry);
    new MemoryPoolsExports().register(registry);
    new BufferPoolsExports().register(registry);
    new GarbageCollectorExports().register(registry);
    new ThreadExports().register(registry);
    new ClassLoadingExports().register(registry);
    new VersionInfoExports().register(registry);
    return registry;
  }
}
