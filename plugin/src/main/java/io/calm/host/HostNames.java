package io.calm.host;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The host names that requests may use if the server has no API key: a protection against DNS
 * rebinding. A web page can make its own domain resolve to this machine. Its requests then have the
 * same origin as this server, and only {@code Host} reveals them. IP addresses cannot be rebound.
 */
final class HostNames {
  private final boolean onLoopback;
  private final List<Authority> names = new ArrayList<>();

  /**
   * @param bound the name or address that the server listens on
   * @param allowed additional names
   */
  HostNames(String bound, List<String> allowed) {
    InetSocketAddress address = new InetSocketAddress(bound, 0);
    onLoopback = !address.isUnresolved() && address.getAddress().isLoopbackAddress();
    if (address.isUnresolved() || !address.getAddress().isAnyLocalAddress()) {
      names.add(Authority.of(bound));
    }
    if (!onLoopback) {
      ownName().ifPresent(names::add);
    }
    allowed.forEach(name -> names.add(Authority.of(name)));
  }

  private static Optional<Authority> ownName() {
    try {
      return Optional.of(Authority.of(InetAddress.getLocalHost().getHostName()));
    } catch (UnknownHostException e) {
      return Optional.empty();
    }
  }

  /**
   * Returns an allowed name in the form used for comparison.
   *
   * @throws IllegalArgumentException if it is not a host name or address
   */
  static String checked(String name) {
    return Authority.parse(name)
        .filter(parsed -> name.indexOf(':') < 0 || parsed.address().isPresent())
        .map(Authority::name)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "allowed host: expected a host name without scheme and port, got " + name));
  }

  /** Returns whether only processes on this machine can connect. */
  boolean onLoopback() {
    return onLoopback;
  }

  /** Returns whether a request may use this name. */
  boolean admits(Authority host) {
    if (host.isLoopback() || names.stream().anyMatch(host::isSameHost)) {
      return true;
    }
    return !onLoopback
        && host.address().filter(literal -> !literal.isAnyLocalAddress()).isPresent();
  }

  /**
   * Returns whether a page of an origin is local: on the client's own machine, or on the host of
   * the request.
   *
   * @param origin value of the header {@code Origin}; {@code null} stands for an opaque origin
   */
  boolean isOwn(String origin, Optional<Authority> host) {
    return authority(origin)
        .filter(page -> page.isLoopback() || host.filter(page::isSameHost).isPresent())
        .isPresent();
  }

  private static Optional<Authority> authority(String origin) {
    try {
      String authority = new URI(origin).getRawAuthority();
      return authority == null ? Optional.empty() : Authority.parse(authority);
    } catch (URISyntaxException e) {
      return Optional.empty();
    }
  }
}
