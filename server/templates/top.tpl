{{%AUTOESCAPE context="HTML"}}<!DOCTYPE html>
<html lang="{{LANG}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{TITLE}} · {{T_SITE_NAME}}</title>
<link rel="stylesheet" href="{{CSS}}">
</head>
<body>
<a class="skip" href="#main">{{T_SKIP}}</a>
<header class="band">
<div class="wrap">
<p class="brand"><a href="{{HOME_URL}}"><span class="mark" aria-hidden="true">楚怡</span><span class="name">{{T_SITE_NAME}}<small>{{T_SITE_OWNER}}</small></span></a></p>
<nav aria-label="{{T_SITE_NAME}}">
<ul>
<li><a href="{{HOME_URL}}">{{T_NAV_HOME}}</a></li>
<li><a href="{{PROGRAMMES_URL}}">{{T_NAV_PROGRAMMES}}</a></li>
<li><a href="{{NOTICES_URL}}">{{T_NAV_NOTICES}}</a></li>
<li><a href="{{AWARDS_URL}}">{{T_NAV_AWARDS}}</a></li>
<li><a href="{{SWITCH_URL}}" hreflang="{{SWITCH_LANG}}" lang="{{SWITCH_LANG}}">{{T_LANGUAGE_SWITCH}}</a></li>
</ul>
</nav>
</div>
</header>
<main id="main" class="wrap">
