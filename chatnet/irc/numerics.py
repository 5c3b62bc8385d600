"""The numbers of IRC's answers, and the text at the end of those that always have the same one. Pure.

The names are those of modern.ircdocs.horse and of the IRCv3 specifications.
"""

from __future__ import annotations

from typing import NamedTuple


class Numeric(NamedTuple):
    """An answer with a number; ``text`` is its last parameter, empty if that differs from one to the next."""

    code: str
    text: str = ""


# ---- welcome ----
RPL_WELCOME = Numeric("001")
RPL_YOURHOST = Numeric("002")
RPL_CREATED = Numeric("003")
RPL_MYINFO = Numeric("004")
RPL_ISUPPORT = Numeric("005", "are supported by this server")
RPL_HOSTHIDDEN = Numeric("396", "is your host now")

# ---- the server ----
RPL_LUSERCLIENT = Numeric("251")
RPL_LUSEROP = Numeric("252", "operators are here")
RPL_LUSERUNKNOWN = Numeric("253", "connections are not registered yet")
RPL_LUSERCHANNELS = Numeric("254", "channels are in use")
RPL_LUSERME = Numeric("255")
RPL_LOCALUSERS = Numeric("265")
RPL_GLOBALUSERS = Numeric("266")
RPL_VERSION = Numeric("351")
RPL_LINKS = Numeric("364")
RPL_ENDOFLINKS = Numeric("365", "End of LINKS.")
RPL_INFO = Numeric("371")
RPL_ENDOFINFO = Numeric("374", "End of INFO.")
RPL_MOTDSTART = Numeric("375")
RPL_MOTD = Numeric("372")
RPL_ENDOFMOTD = Numeric("376", "End of MOTD.")
ERR_NOADMININFO = Numeric("423", "Who runs this server has told nothing of themselves.")
ERR_NOMOTD = Numeric("422", "This server has no message of the day.")
RPL_TIME = Numeric("391")
RPL_HELPSTART = Numeric("704")
RPL_HELPTXT = Numeric("705")
RPL_ENDOFHELP = Numeric("706")
ERR_HELPNOTFOUND = Numeric("524", "There is no help on that; HELP alone lists what there is.")

# ---- users ----
RPL_UMODEIS = Numeric("221")
RPL_AWAY = Numeric("301")
RPL_USERHOST = Numeric("302")
RPL_ISON = Numeric("303")
RPL_UNAWAY = Numeric("305", "You are no longer marked as being away.")
RPL_NOWAWAY = Numeric("306", "You are marked as being away.")
RPL_WHOISUSER = Numeric("311")
RPL_WHOISSERVER = Numeric("312")
RPL_ENDOFWHO = Numeric("315", "End of WHO.")
RPL_WHOISIDLE = Numeric("317", "seconds idle, signed on at")
RPL_ENDOFWHOIS = Numeric("318", "End of WHOIS.")
RPL_WHOISCHANNELS = Numeric("319")
RPL_WHOISACCOUNT = Numeric("330", "is logged in as")
RPL_WHOISBOT = Numeric("335", "is a bot")
RPL_WHOREPLY = Numeric("352")
RPL_WHOSPCRPL = Numeric("354")
RPL_ENDOFWHOWAS = Numeric("369", "End of WHOWAS.")
RPL_WHOISSECURE = Numeric("671", "is connected over TLS")
RPL_MONONLINE = Numeric("730")
RPL_MONOFFLINE = Numeric("731")
RPL_MONLIST = Numeric("732")
RPL_ENDOFMONLIST = Numeric("733", "End of MONITOR's list.")
ERR_MONLISTFULL = Numeric("734", "Your list of MONITOR is full.")
ERR_NOSUCHNICK = Numeric("401", "Nobody here has that name.")
ERR_WASNOSUCHNICK = Numeric("406", "Nobody here had that name.")
ERR_UMODEUNKNOWNFLAG = Numeric("501", "There is no such mode of users.")
ERR_USERSDONTMATCH = Numeric("502", "You cannot see or change the modes of others.")

# ---- channels ----
RPL_LISTSTART = Numeric("321", "Users, and what it is about")
RPL_LIST = Numeric("322")
RPL_LISTEND = Numeric("323", "End of LIST.")
RPL_CHANNELMODEIS = Numeric("324")
RPL_CREATIONTIME = Numeric("329")
RPL_NOTOPIC = Numeric("331", "No topic is set.")
RPL_TOPIC = Numeric("332")
RPL_TOPICWHOTIME = Numeric("333")
RPL_INVITING = Numeric("341")
RPL_NAMREPLY = Numeric("353")
RPL_ENDOFNAMES = Numeric("366", "End of NAMES.")
RPL_BANLIST = Numeric("367")
RPL_ENDOFBANLIST = Numeric("368", "End of the list of bans.")
ERR_NOSUCHCHANNEL = Numeric("403", "There is no such channel.")
ERR_CANNOTSENDTOCHAN = Numeric("404")
ERR_TOOMANYCHANNELS = Numeric("405")
ERR_USERNOTINCHANNEL = Numeric("441", "They are not in that channel.")
ERR_NOTONCHANNEL = Numeric("442", "You are not in that channel.")
ERR_USERONCHANNEL = Numeric("443", "is in that channel already")
ERR_UNKNOWNMODE = Numeric("472", "There is no such mode of channels.")
ERR_BANNEDFROMCHAN = Numeric("474", "You cannot join that channel: you are banned (+b).")
ERR_BADCHANMASK = Numeric(
    "476",
    "A channel is # or & and 1 to 64 letters, digits, - and _, first a letter or digit; or #@ and a nick.",
)
ERR_NEEDREGGEDNICK = Numeric("477")
ERR_INVALIDMODEPARAM = Numeric("696")
ERR_CHANOPRIVSNEEDED = Numeric("482")

# ---- lines ----
ERR_UNKNOWNERROR = Numeric("400")
ERR_TOOMANYTARGETS = Numeric("407")
ERR_NOORIGIN = Numeric("409", "PING needs a token.")
ERR_INVALIDCAPCMD = Numeric("410", "CAP has no such subcommand.")
ERR_NORECIPIENT = Numeric("411", "Nobody is named whom that is for.")
ERR_NOTEXTTOSEND = Numeric("412", "There is no text to send.")
ERR_INPUTTOOLONG = Numeric("417", "Your line was too long, and nothing of it was done.")
ERR_UNKNOWNCOMMAND = Numeric("421", "There is no such command.")
ERR_NEEDMOREPARAMS = Numeric("461", "That command needs more parameters.")

# ---- who one is ----
ERR_NONICKNAMEGIVEN = Numeric("431", "No nickname was given.")
ERR_ERRONEUSNICKNAME = Numeric("432")
ERR_NICKNAMEINUSE = Numeric("433")
ERR_NOTREGISTERED = Numeric("451", "First log in: NICK and USER, and CAP END if you began with CAP.")
ERR_ALREADYREGISTERED = Numeric("462", "You are logged in already.")
ERR_PASSWDMISMATCH = Numeric("464")
ERR_YOUREBANNEDCREEP = Numeric("465")
RPL_LOGGEDIN = Numeric("900")
RPL_SASLSUCCESS = Numeric("903", "You have proved who you are.")
ERR_SASLFAIL = Numeric("904")
ERR_SASLTOOLONG = Numeric("905", "That is too long for SASL.")
ERR_SASLABORTED = Numeric("906", "You have ended SASL.")
ERR_SASLALREADY = Numeric("907", "You have proved who you are before.")
RPL_SASLMECHS = Numeric("908", "are the mechanisms of SASL here")
