"""Files that other tools read and write: TREC runs and judgements, RecBole's tables, RankLLM's and OpenAI's lines of JSON.

Within the house a run is a table ``user_id, item_id, score`` and judgements are ``user_id, item_id, relevance``; ids are strings.
"""
