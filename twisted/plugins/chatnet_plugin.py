"""The programs that twistd finds: chat-master, chat-worker, chat-front and chat-client."""

from twisted.application.service import ServiceMaker

master = ServiceMaker("chatnet master", "chatnet.master.tap", "Run a chatnet cluster.", "chat-master")
worker = ServiceMaker("chatnet worker", "chatnet.worker.tap", "Add a worker to a cluster.", "chat-worker")
front = ServiceMaker("chatnet front", "chatnet.worker.front_tap", "Add an IRC front.", "chat-front")
client = ServiceMaker("chatnet client", "chatnet.client.tap", "Talk on a chatnet cluster.", "chat-client")
