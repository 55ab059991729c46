#!/usr/bin/env bash
# One Kafka broker and controller (KRaft) on loopback; the controller listens on the port after the broker's. With ITA_STACK_TLS
# clients sign in (SCRAM-SHA-512 over TLS), rules say who may do what, and the broker's own parts know each other by certificate;
# they meet on the two ports that follow.
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
. "$(dirname "${BASH_SOURCE[0]}")/toolchains.sh"

VERSION=4.3.1
LOG4J_VERSION=2.25.4
HOME_FOLDER=$CACHE/kafka
STAMP=$HOME_FOLDER/.installed-$VERSION
ARCHIVE=$HOME_FOLDER/kafka.jsa
STOP="TERM 30"

install_server() {
    need_java
    if [ -f "$STAMP" ] && [ -s "$ARCHIVE" ]; then return; fi
    lock_cache kafka
    [ -f "$STAMP" ] || install_jars
    [ -s "$ARCHIVE" ] || make_archive
    flock -u 9
}

install_jars() {
    need_maven
    mkdir -p "$HOME_FOLDER"
    rm -rf "$HOME_FOLDER/lib" "$HOME_FOLDER/lib.new" "$ARCHIVE"
    write_pom >"$HOME_FOLDER/pom.xml"
    mvn -B -ntp -q -f "$HOME_FOLDER/pom.xml" \
        org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$HOME_FOLDER/lib.new"
    mv "$HOME_FOLDER/lib.new" "$HOME_FOLDER/lib"
    cat >"$HOME_FOLDER/log4j2.properties" <<'LOGGING'
status=warn
appender.out.type=Console
appender.out.name=OUT
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
logger.cfg.name=org.apache.kafka.common.config.AbstractConfig
logger.cfg.level=WARN
rootLogger.level=INFO
rootLogger.appenderRef.out.ref=OUT
LOGGING
    # Sorted and written out: `lib/*` comes in the order of the folder, and then the archive does not fit.
    find "$HOME_FOLDER/lib" -name '*.jar' | LC_ALL=C sort | paste -sd: >"$HOME_FOLDER/classpath"
    touch "$STAMP"
}

# kafka-tools formats the storage; what it needs of Kafka Connect is left out.
write_pom() {
    local connect
    cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ita</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$VERSION</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>$LOG4J_VERSION</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$VERSION</version><exclusions>
$(for connect in runtime api json; do
        echo "      <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-$connect</artifactId></exclusion>"
    done)
    </exclusions></dependency>
  </dependencies>
</project>
POM
}

# Loaded classes of one short run, kept for all later ones: halves the time that a start takes.
make_archive() {
    local trial pid TLS='' ITA_KAFKA_ADVERTISED='' # what follows the archive is started as it was asked for
    trial=$(mktemp -d)
    write_properties "$trial" 0 0 >"$trial/server.properties"
    format "$trial"
    java -Xmx512m -XX:+UseSerialGC -XX:ArchiveClassesAtExit="$ARCHIVE.new" \
        -Dlog4j2.configurationFile="$HOME_FOLDER/log4j2.properties" -cp "$(cat "$HOME_FOLDER/classpath")" \
        kafka.Kafka "$trial/server.properties" >"$trial/log" 2>&1 9>&- &
    pid=$!
    for _ in $(seq 600); do
        grep -q 'Kafka Server started' "$trial/log" && break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" || true
    [ -s "$ARCHIVE.new" ] || fail "Kafka's first run left no class-data archive; see $trial/log"
    mv "$ARCHIVE.new" "$ARCHIVE"
    rm -rf "$trial"
}

# Its words come from a file, so that no process list shows the password that they may hold.
format() {
    local id done=0
    # A cluster's name must not begin with '-'.
    id=A$(head -c16 /dev/urandom | base64 | tr '+/' '-_' | tr -d = | cut -c2-)
    (umask 077 && {
        printf '"%s"\n' -cp "$(cat "$HOME_FOLDER/classpath")" kafka.tools.StorageTool format -t "$id" -c "$1/server.properties"
        [ -z "$TLS" ] || printf '"%s"\n' --add-scram "SCRAM-SHA-512=[name=${ITA_KAFKA__USERNAME:?},password=${ITA_KAFKA__PASSWORD:?}]"
    } >"$1/format.words")
    java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$HOME_FOLDER/log4j2.properties" \
        "@$1/format.words" >"$1/format.log" 2>&1 || done=$?
    rm -f "$1/format.words"
    [ "$done" -eq 0 ] || fail "Kafka's storage could not be formatted: $(tail -3 "$1/format.log")"
    [ -z "$TLS" ] || touch "$1/data/signed-in"
}

# After SIGKILL a restart waits for the old session: three seconds in place of nine.
write_properties() {
    cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$3
controller.listener.names=CONTROLLER
log.dirs=$1/data
num.partitions=1
auto.create.topics.enable=false
message.max.bytes=16777216
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
PROPERTIES
    if [ -n "$TLS" ]; then write_secured "$@"; else write_plain "$@"; fi
}

# Where clients are to come another way, as through a proxy, ITA_KAFKA_ADVERTISED says which; the broker meets itself on a port of its own.
write_plain() {
    local own='' listener=PLAINTEXT
    [ -z "${ITA_KAFKA_ADVERTISED:-}" ] || { listener=INTERNAL own=INTERNAL://127.0.0.1:$(($3 + 1)); }
    cat <<PROPERTIES
listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$3${own:+,$own}
advertised.listeners=PLAINTEXT://${ITA_KAFKA_ADVERTISED:-127.0.0.1:$2}${own:+,$own}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT
inter.broker.listener.name=$listener
PROPERTIES
}

write_secured() {
    cat <<PROPERTIES
listeners=CLIENT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$3,INTERNAL://127.0.0.1:$(($3 + 1))
advertised.listeners=CLIENT://127.0.0.1:$2,INTERNAL://127.0.0.1:$(($3 + 1))
listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:SSL,INTERNAL:SSL
inter.broker.listener.name=INTERNAL
ssl.keystore.type=PEM
ssl.keystore.location=$1/broker.pem
listener.name.client.ssl.keystore.location=$1/clients.pem
ssl.truststore.type=PEM
ssl.truststore.location=$TLS/ca.crt
ssl.enabled.protocols=TLSv1.3,TLSv1.2
listener.name.client.ssl.client.auth=none
listener.name.controller.ssl.client.auth=required
listener.name.internal.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:CN=ita-kafka;User:${ITA_KAFKA__USERNAME:?}
PROPERTIES
}

# Who signs in first is written when the storage is formatted; storage without that lets nobody in.
prepare_secured() {
    [ ! -f "$FOLDER/data/meta.properties" ] || [ -f "$FOLDER/data/signed-in" ] ||
        fail "Kafka's data in $FOLDER were made without sign-in; set ITA_STACK to another folder, or delete this one to begin anew"
    wait_for_port $((PORT + 2))
    (umask 077 && cat "$TLS/kafka.key" "$TLS/kafka.crt" "$TLS/ca.crt" >"$FOLDER/broker.pem")
    (umask 077 && cat "$(shown_to_clients kafka)".{key,crt} "$TLS/ca.crt" >"$FOLDER/clients.pem")
}

start_server() {
    wait_for_port $((PORT + 1))
    [ -z "$TLS" ] || prepare_secured
    write_properties "$FOLDER" "$PORT" $((PORT + 1)) >"$FOLDER/server.properties"
    [ -f "$FOLDER/data/meta.properties" ] || format "$FOLDER"
    launch java -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -XX:SharedArchiveFile="$ARCHIVE" -Xshare:auto \
        -Dlog4j2.configurationFile="$HOME_FOLDER/log4j2.properties" -cp "$(cat "$HOME_FOLDER/classpath")" \
        kafka.Kafka "$FOLDER/server.properties"
}

serve
